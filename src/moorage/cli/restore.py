"""`moorage restore`: read a backup into an empty installation, under the root key it was made with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from moorage.cli import options, progress

_SETTINGS = ("data", "database", "blobs", "root_key", "cache", "region")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the source and the options."""
    parser.add_argument("source", metavar="SOURCE", type=Path, help="the folder that `moorage backup` wrote")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Restore. Exit status 0, or 1 when it is refused, with nothing changed."""
    from moorage.cli.refusals import shown

    with shown("restore"):
        from moorage.repos.backup import restore
        from moorage.server.existing import emptied
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with (
            emptied(settings, os.environ, arguments.source) as (database, blobs),
            progress.bar("blobs") as step,
        ):
            restored = restore(database, blobs, arguments.source, step)
    if arguments.json:
        sys.stdout.write(json.dumps({"data": str(settings.data), "blobs": restored}) + "\n")
    else:
        sys.stdout.write(
            f"{restored} blobs and all rows are restored to {settings.data}\n"
            f"Check them with: moorage verify --data {settings.data}\n"
        )
    return 0
