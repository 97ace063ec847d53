"""`moorage root-key`: rotate the key that all other keys are sealed under, while the service runs."""

from __future__ import annotations

import argparse
import os
import sys

from moorage.cli import options

_SETTINGS = ("data", "database", "root_key")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    rotate = actions.add_parser(
        "rotate", help="put a new root key in front and seal everything anew; with --finish, drop the old one"
    )
    rotate.add_argument("--finish", action="store_true", help="drop the old key, 36 hours later")
    rotate.add_argument(
        "--end-sessions", action="store_true", help="drop it at once: temporary credentials of before end"
    )
    options.add(rotate, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Do it. Exit status 0, or 1 when it is refused."""
    from moorage.cli.refusals import shown

    with shown("root-key"):
        from moorage.server import root_key_rotation
        from moorage.server.existing import opened
        from moorage.server.first_start import root_key_source
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with opened(settings, os.environ) as (database, _):
            source = root_key_source(settings, database, os.environ)
            if arguments.finish:
                done = root_key_rotation.finish(database, source, end_sessions=arguments.end_sessions)
                sys.stdout.write(f"Root key {done.key_id} is the only one now.\n")
                return 0
            done = root_key_rotation.rotate(database, source)
    sys.stdout.write(
        f"Root key {done.key_id} seals now; {done.resealed} secrets were sealed anew.\n"
        f"Old keys that still open: {', '.join(done.old_key_ids)}.\n"
        "Back the root key up, then drop the old ones: moorage root-key rotate --finish\n"
    )
    return 0
