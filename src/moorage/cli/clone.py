"""`moorage clone`: from nothing to a working clone."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.client.clone import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="NAME",
        nargs="+",
        help="a repository's name, clone URL, or codecommit::REGION://PROFILE@NAME; then the folder to clone "
        "into, if any; then -- and options for git clone",
    )
    parser.add_argument("--profile", metavar="NAME", help="AWS profile whose credentials sign")
    parser.add_argument("--region", metavar="REGION", help="the repository's region, for a name")
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a name's server, or `aws` (default: the profile's endpoint, else the one set up, else AWS)",
    )
    parser.add_argument("--ca", metavar="FILE", type=Path, help="certificate (PEM) of the server's CA")
    parser.add_argument(
        "--local", action="store_true", help="write the sign-in into the clone alone, not for the whole host"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 cloned; 1 refused, declined or failed; 2 wrong usage."""
    from moorage.cli.terminal import Terminal
    from moorage.client import clone
    from moorage.client.machine import ThisMachine, printable
    from moorage.client.setup.command import Declined

    options = _options(arguments)
    if options is None:
        sys.stderr.write("moorage clone: one NAME and one folder; options of git's come behind --\n")
        return 2
    terminal = Terminal(quiet=arguments.json)
    try:
        outcome = clone.run(options, ThisMachine(), terminal, _attached)
    except (*clone.REFUSALS, Declined) as error:
        if arguments.json:
            sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        sys.stderr.write(f"moorage clone: {printable(str(error))}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps(outcome.as_json(), indent=1) + "\n")
    return 1 if outcome.status else 0


def _options(arguments: argparse.Namespace) -> Options | None:
    from moorage.client.clone import Options

    name, folder = (*arguments.words, None)[:2]
    if len(arguments.words) > 2:
        return None
    return Options(
        name,
        folder,
        profile=arguments.profile,
        region=arguments.region,
        server=arguments.server,
        ca=None if arguments.ca is None else arguments.ca.expanduser().absolute(),
        local=arguments.local,
        yes=arguments.yes,
        dry_run=arguments.dry_run,
        git=tuple(arguments.behind),
    )


def _attached(argv: Sequence[str]) -> int:
    """Run git at the user's terminal; what it prints goes to standard error, as its progress does."""
    sys.stdout.flush()
    return subprocess.run(argv, stdout=sys.stderr, check=False).returncode
