"""`moorage imds`: give this machine the role of an instance profile, as EC2 gives one to an instance."""

from __future__ import annotations

import argparse
import os
import sys

from moorage.cli import options

_SETTINGS = ("data", "database", "root_key", "region")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the profile, where to listen, and where the service's data is."""
    parser.add_argument(
        "--instance-profile", metavar="NAME", required=True, help="the instance profile whose role is given"
    )
    parser.add_argument("--account", metavar="ID", help="whose profile it is (default: the first account)")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:1338",
        help="a loopback address; port 0 takes a free one (default: 127.0.0.1:1338)",
    )
    parser.add_argument(
        "--allow-v1", action="store_true", help="also answer requests without a session token, as IMDSv1 did"
    )
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status 0 after a stop, 1 when it cannot start."""
    from moorage.cli.refusals import shown

    with shown("imds"):
        from moorage.server import imds
        from moorage.server.existing import opened
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        wanted = imds.Wanted(
            arguments.instance_profile,
            arguments.account,
            settings.region,
            arguments.listen,
            arguments.allow_v1,
        )
        with opened(settings, os.environ) as (database, root_key):
            imds.serve(database, root_key, wanted, _tell)
    return 0


def _tell(lines: str) -> None:
    sys.stdout.write(lines)
    sys.stdout.flush()
