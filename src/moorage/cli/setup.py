"""`moorage setup`: have git sign in to CodeCommit, or to a moorage server."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.client.setup.options import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="a server, a repository, codecommit::REGION://PROFILE@NAME, or a remote of this folder "
        "(default: this folder's remote, else CodeCommit at AWS)",
    )
    parser.add_argument("--profile", metavar="NAME", help="AWS profile whose credentials sign")
    parser.add_argument("--region", metavar="REGION", help="region, where the URL does not name it")
    parser.add_argument("--ca", metavar="FILE", type=Path, help="certificate (PEM) of the server's CA")
    parser.add_argument("--only", action="store_true", help="for the URL's repository or user alone")
    parser.add_argument(
        "--guide",
        action="store_true",
        help="write the two lines of AWS's guide instead: its helper, for all hosts",
    )
    endpoint = parser.add_mutually_exclusive_group()
    endpoint.add_argument(
        "--aws-config",
        action="store_const",
        const="profile",
        help="write the server's endpoint and CA into the AWS profile too",
    )
    endpoint.add_argument(
        "--aws-services",
        dest="aws_config",
        action="store_const",
        const="services",
        help="the same for the services that the server speaks; the profile's others, as S3, stay at AWS",
    )
    parser.add_argument(
        "--route", choices=("rewrite", "resolve", "proxy"), help="lead AWS's own addresses to this server"
    )
    parser.add_argument("--route-to", metavar="WHERE", help="the address (resolve) or the proxy (proxy)")
    scope = parser.add_mutually_exclusive_group()
    for name, where in (
        ("global", "your own git configuration (default)"),
        ("local", "this folder's repository"),
        ("system", "this machine, for all its users"),
    ):
        scope.add_argument(
            f"--{name}", dest="scope", action="store_const", const=name, help=f"write into {where}"
        )
    parser.set_defaults(scope="global")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show the changes and make none")
    parser.add_argument("--no-check", dest="check", action="store_false", help="do not sign in to prove it")
    parser.add_argument("--undo", action="store_true", help="take back the last changes that moorage made")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 set up, also if it was before; 1 refused, declined or not working; 2 wrong usage."""
    from moorage.cli.terminal import Terminal
    from moorage.client.machine import ThisMachine, printable
    from moorage.client.setup import command

    wrong = _wrong(arguments)
    if wrong is not None:
        sys.stderr.write(f"moorage setup: {wrong}\n")
        return 2
    terminal = Terminal(quiet=arguments.json)
    if not (arguments.yes or arguments.dry_run or terminal.is_answered):
        sys.stderr.write(
            "moorage setup: nobody can be asked here: add --yes, or --dry-run to see the changes\n"
        )
        return 2
    machine = ThisMachine()
    try:
        if arguments.undo:
            outcome = command.undo(machine, terminal, yes=arguments.yes, dry_run=arguments.dry_run)
        else:
            outcome = command.run(_options(arguments), machine, terminal)
    except (*command.REFUSALS, command.Declined) as error:
        if arguments.json:
            sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        sys.stderr.write(f"moorage setup: {printable(str(error))}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps(outcome.as_json(), indent=1) + "\n")
    return outcome.status


def _wrong(arguments: argparse.Namespace) -> str | None:
    """Say what of the command line would be passed over in silence."""
    if arguments.guide and (arguments.only or arguments.route or arguments.aws_config or arguments.ca):
        return "--guide writes AWS's own two lines and nothing else: leave the other options out"
    if arguments.route_to and arguments.route in {None, "rewrite"}:
        return "--route-to is for --route resolve and --route proxy"
    return None


def _options(arguments: argparse.Namespace) -> Options:
    from moorage.client.setup.options import Options

    names = {each.name for each in dataclasses.fields(Options)}
    told = {name: value for name, value in vars(arguments).items() if name in names}
    if arguments.ca is not None:
        told["ca"] = arguments.ca.expanduser().absolute()
    return Options(**told)
