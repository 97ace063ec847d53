"""The `moorage` command: parse arguments, and import a command only when it is the one to run."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from moorage import __version__


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name, its one-line help and the module that has `add_arguments` and `run`."""

    name: str
    help: str
    module: str


COMMANDS = (
    Command("serve", "run the service", "moorage.cli.serve"),
    Command("account", "create, list or close accounts", "moorage.cli.account"),
    Command("why", "explain who may do what, or why a request was refused", "moorage.cli.why"),
    Command("audit", "read, follow or export who did what", "moorage.cli.audit"),
    Command("deliveries", "see what has not arrived; retry or drop it", "moorage.cli.deliveries"),
    Command("imds", "give this machine the role of an instance profile", "moorage.cli.imds"),
    Command("root-key", "rotate the root key while the service runs", "moorage.cli.root_key"),
    Command("verify", "check every repository's stored data", "moorage.cli.verify"),
    Command("backup", "write a backup to a folder", "moorage.cli.backup"),
    Command("restore", "read a backup into an empty installation", "moorage.cli.restore"),
    Command("completion", "print the completion script of a shell", "moorage.cli.completion"),
    Command("version", "print the versions of moorage and git", "moorage.cli.version"),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; `completion` walks it, so it is the only list there is."""
    top = argparse.ArgumentParser(
        prog="moorage",
        description="A Git service of your own for the clients of AWS CodeCommit. Not affiliated with AWS.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"moorage {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        made = commands.add_parser(
            command.name, help=command.help, description=_capitalised(command.help), allow_abbrev=False
        )
        importlib.import_module(command.module).add_arguments(made)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 refused or failed, 2 wrong usage."""
    arguments = parser().parse_args(argv)
    module = next(command.module for command in COMMANDS if command.name == arguments.command)
    run = importlib.import_module(module).run
    try:
        status: int = run(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "moorage":
            raise
        sys.stderr.write(
            f"moorage {arguments.command}: the server's parts are not installed ({error.name} is missing).\n"
            "Install them with: python3 -m pip install 'moorage[server]'\n"
        )
        return 1
    return status


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:] + "."
