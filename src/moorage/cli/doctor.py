"""`moorage doctor`: what is wrong between git, AWS's files and the server, and how to put it right."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.client.doctor.finding import Finding
    from moorage.client.machine import Machine

BAD_INPUT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to look at, and what to do about it."""
    parser.add_argument(
        "target",
        metavar="URL|REMOTE",
        nargs="?",
        help="a clone URL, a host or a remote's name (default: every remote here, and every host set up)",
    )
    parser.add_argument("--fix", action="store_true", help="repair what is safe to; shows it and asks first")
    parser.add_argument("--yes", action="store_true", help="do not ask before repairing")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding. Exit status 0 with no error and no warning, 1 otherwise, 2 for a bad question."""
    from moorage.client.machine import ThisMachine

    return examine(ThisMachine(), arguments)


def examine(machine: Machine, arguments: argparse.Namespace) -> int:
    """Do what the arguments say on a machine."""
    from moorage.client.doctor import reading, report
    from moorage.client.doctor.finding import printable
    from moorage.client.doctor.targets import NotFound

    try:
        facts = reading.read(machine, arguments.target)
        findings = report.diagnose(facts)
        if arguments.fix and any(finding.fix for finding in findings):
            _repair(machine, findings, arguments)
            facts = reading.read(machine, arguments.target)
            findings = report.diagnose(facts)
    except NotFound as error:
        sys.stderr.write(f"moorage doctor: {printable(str(error))}\n")
        return BAD_INPUT
    sys.stdout.write(report.as_json(findings) if arguments.json else report.as_text(facts, findings))
    return 0 if report.is_healthy(findings) else 1


def _repair(machine: Machine, findings: list[Finding], arguments: argparse.Namespace) -> None:
    """Show what would be written and run, ask, and do it."""
    from moorage.client import changes
    from moorage.client.doctor import fixes
    from moorage.client.doctor.finding import printable, typed

    made, problems = fixes.changes(machine, findings)
    for change in made:
        sys.stderr.write(f"{printable(change.why)}\n{changes.diff(change)}")
    commands = fixes.commands(findings)
    for command in commands:
        sys.stderr.write(f"{printable(command.why)}\n    {printable(typed(*command.argv))}\n")
    for problem in problems:
        sys.stderr.write(f"moorage doctor: not repaired: {printable(problem)}\n")
    if not (made or commands) or not (arguments.yes or _agreed()):
        return
    for command in commands:
        ran = machine.run(command.argv, command.stdin)
        if ran.status != 0:
            sys.stderr.write(
                f"moorage doctor: not repaired: {printable(ran.stderr.strip() or command.why)}\n"
            )
    try:
        if changes.apply(machine, made, "doctor") is not None:
            sys.stderr.write("moorage setup --undo takes the files back.\n")
    except changes.ChangeRefused as error:
        sys.stderr.write(f"moorage doctor: not repaired: {printable(str(error))}\n")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write("moorage doctor: nobody to ask; --yes repairs without asking\n")
        return False
    sys.stderr.write("Repair this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
