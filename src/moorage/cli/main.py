"""The `moorage` command: parse arguments, and import a command only when it is the one to run.

Git runs `moorage credential-helper` in each operation, so that one is handed on before anything else
is imported: `argparse` and `dataclasses` alone take longer than its answer.
"""

from __future__ import annotations

import sys

from moorage import __version__

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

CREDENTIAL_HELPER = "credential-helper"


class Command:
    """A command's name, its one-line help and the module that has `add_arguments` and `run`.

    What stands behind `--` is for another program where it `passes_on`: `run` finds it in `behind`.
    """

    __slots__ = ("help", "module", "name", "passes_on")

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002  # argparse's word for it
        module: str,
        *,
        passes_on: bool = False,
    ) -> None:
        self.name = name
        self.help = help
        self.module = module
        self.passes_on = passes_on


COMMANDS = (
    Command("setup", "have git sign in to CodeCommit, or to a moorage server", "moorage.cli.setup"),
    Command(
        "clone", "clone a repository, and have git sign in there before", "moorage.cli.clone", passes_on=True
    ),
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
    Command(CREDENTIAL_HELPER, "sign in to CodeCommit for Git", "moorage.cli.credential_helper"),
    Command("doctor", "find out why git does not get in, and repair it", "moorage.cli.doctor"),
    Command("completion", "print the completion script of a shell", "moorage.cli.completion"),
    Command("version", "print the versions of moorage and git", "moorage.cli.version"),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; `completion` walks it, so it is the only list there is."""
    import argparse
    import importlib

    top = argparse.ArgumentParser(
        prog="moorage",
        description="A Git service of your own for the clients of AWS CodeCommit. Not affiliated with AWS.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"moorage {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        try:
            module = importlib.import_module(command.module)
        except ModuleNotFoundError as error:
            if error.name == command.module:
                continue  # moorage.pyz has the client's commands alone
            raise
        made = commands.add_parser(
            command.name, help=command.help, description=_capitalised(command.help), allow_abbrev=False
        )
        module.add_arguments(made)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == [CREDENTIAL_HELPER] and not {"-h", "--help"} & set(words):
        from moorage.client import credential_helper

        return credential_helper.main(words[1:])
    from moorage.cli.ending import ended

    return ended(lambda: _run(words))


def _run(words: list[str]) -> int:
    import argparse
    import importlib

    if not words:
        parser().print_help(sys.stderr)
        return 2
    behind: list[str] = []
    if "--" in words and any(each.passes_on and each.name == words[0] for each in COMMANDS):
        at = words.index("--")
        words, behind = words[:at], words[at + 1 :]
    arguments = parser().parse_args(words, argparse.Namespace(behind=behind))
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
