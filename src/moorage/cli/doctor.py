"""`moorage doctor`: what is wrong between git, AWS's files and the server, and how to put it right."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moorage.client.doctor.facts import Facts
    from moorage.client.doctor.finding import Finding
    from moorage.client.machine import Machine
    from moorage.client.server_probe import Probe

    Ask = Callable[[Machine, Facts], Mapping[str, Probe]]

BAD_INPUT = 2
# What was hidden behind one fault shows when it is gone: a helper is judged once git asks it at all.
ROUNDS = 3


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
    parser.add_argument(
        "--policies", action="store_true", help="read your own policies from IAM, and judge them"
    )
    parser.add_argument(
        "--policy", metavar="FILE", type=Path, action="append", default=[], help="judge a policy's JSON"
    )
    parser.add_argument(
        "--self-test", action="store_true", help="try moorage itself on this machine, for a report"
    )
    parser.add_argument("--offline", action="store_true", help="look at this machine only, ask no server")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding. Exit status 0 with no finding, 1 with one, 2 for a bad question."""
    from moorage.client.doctor import probing
    from moorage.client.machine import ThisMachine

    if arguments.self_test:
        return try_itself(ThisMachine(), as_json=arguments.json)
    return examine(ThisMachine(), arguments, None if arguments.offline else probing.probes)


def examine(machine: Machine, arguments: argparse.Namespace, ask: Ask | None = None) -> int:
    """Do what the arguments say on a machine; `ask` asks the servers."""
    from moorage.client.doctor import policies, report
    from moorage.client.doctor.finding import printable
    from moorage.client.doctor.policy_checks import NotAPolicy
    from moorage.client.doctor.targets import NotFound

    try:
        facts = _facts(machine, arguments.target, ask)
        findings = report.diagnose(facts)
        for _ in range(ROUNDS if arguments.fix else 0):
            if not (any(finding.fix for finding in findings) and _repair(machine, findings, arguments)):
                break
            before, facts = findings, _facts(machine, arguments.target, ask)
            findings = report.diagnose(facts)
            if findings == before:
                break
        findings += policies.findings(machine, facts, arguments.policy, own=arguments.policies)
    except (NotFound, NotAPolicy) as error:
        sys.stderr.write(f"moorage doctor: {printable(str(error))}\n")
        return BAD_INPUT
    sys.stdout.write(report.as_json(findings) if arguments.json else report.as_text(facts, findings))
    return 1 if findings else 0


def try_itself(machine: Machine, *, as_json: bool) -> int:
    """Print what works on this machine and what does not."""
    from moorage.client.doctor import self_test

    tried = list(self_test.rows(machine))
    if as_json:
        told = {"rows": [row._asdict() for row in tried]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write(self_test.as_text(machine, tried))
    return 1 if any(row.ok is False for row in tried) else 0


def _facts(machine: Machine, wanted: str | None, ask: Ask | None) -> Facts:
    from dataclasses import replace

    from moorage.client.doctor import reading

    facts = reading.read(machine, wanted)
    return facts if ask is None else replace(facts, probes=ask(machine, facts))


def _repair(machine: Machine, findings: list[Finding], arguments: argparse.Namespace) -> bool:
    """Show what would be written and run, ask, and do it; return whether it was to be done.

    All that is said goes to standard error.
    """
    from moorage.client import changes
    from moorage.client.doctor import fixes
    from moorage.client.doctor.finding import printable, typed

    made, problems = fixes.changes(machine, findings)
    commands, modes = fixes.commands(findings), fixes.modes(findings)
    for change in made:
        sys.stderr.write(f"{printable(change.why)}\n{changes.diff(change)}")
    for mode in modes:
        sys.stderr.write(f"{printable(mode.why)}\n    {typed('chmod', f'{mode.mode:o}', str(mode.path))}\n")
    for command in commands:
        sys.stderr.write(f"{printable(command.why)}\n    {printable(typed(*command.argv))}\n")
    agreed = bool(made or modes or commands) and (arguments.yes or _agreed())
    if agreed:
        problems += fixes.carry_out(machine, commands, modes)
        try:
            if changes.apply(machine, made, "doctor") is not None:
                sys.stderr.write("moorage setup --undo takes the files back.\n")
        except changes.ChangeRefused as error:
            problems.append(str(error))
    for problem in problems:
        sys.stderr.write(f"moorage doctor: not repaired: {printable(problem)}\n")
    return agreed


def _agreed() -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write("moorage doctor: nobody to ask; --yes repairs without asking\n")
        return False
    sys.stderr.write("Repair this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
