"""`moorage backup`: write a backup to a folder. May run while the service does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from moorage.cli import options, progress

_SETTINGS = ("data", "database", "blobs", "root_key", "cache")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target and the options."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        type=Path,
        help="the folder to write to; one written before gets what is new",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Write the backup. Exit status 0, or 1 when it is refused."""
    from moorage.cli.refusals import shown

    with shown("backup"):
        from moorage.repos.backup import backup
        from moorage.server.existing import stores
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with stores(settings, os.environ) as made, progress.bar("blobs") as step:
            blobs = backup(made.database, made.blobs, arguments.target, step)
    if arguments.json:
        sys.stdout.write(json.dumps({"target": str(arguments.target), "blobs": blobs}) + "\n")
    else:
        sys.stdout.write(
            f"{blobs} blobs and all rows are in {arguments.target}\n"
            f"The root key is not: keep {settings.root_key_source.removeprefix('file:')} somewhere else.\n"
            "Without it nobody can read this backup.\n"
        )
    return 0
