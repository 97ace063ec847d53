"""`moorage audit`: read, filter, follow and export what was done. Works while the service runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from moorage.storage.audit import Wanted
    from moorage.storage.database import Database

_SETTINGS = ("data", "database", "root_key")

BAD_INPUT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the filters, and the forms of what is printed."""
    when = "as 2026-11-25T09:30:00Z (UTC unless it says otherwise), 2026-11-25, or 90m, 12h, 7d ago"
    parser.add_argument("--since", metavar="TIME", help=f"the first moment: {when}")
    parser.add_argument("--until", metavar="TIME", help="the moment after the last, written likewise")
    parser.add_argument("--event", metavar="NAME", help="an operation: GitPush, or codecommit:GitPush")
    parser.add_argument("--principal", metavar="WHO", help="an ARN, or the name that it ends in")
    parser.add_argument("--resource", metavar="WHAT", help="an ARN, or the name that it ends in")
    parser.add_argument("--outcome", choices=("allowed", "denied", "failed"), help="how it ended")
    parser.add_argument(
        "--account", metavar="ID", help="one account's events (default: all, and refused logins)"
    )
    parser.add_argument("--request", metavar="ID", help="what one request left")
    parser.add_argument("--follow", action="store_true", help="go on with what happens, until interrupted")
    parser.add_argument("--json", action="store_true", help="print a CloudTrail record on each line")
    parser.add_argument(
        "--output", metavar="FILE", help="write a CloudTrail log file, gzipped, there instead"
    )
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Print or export. Exit status 0, 1 when it is refused, 2 when the question makes no sense."""
    from moorage.cli.audit_question import BadQuestion, wanted
    from moorage.cli.refusals import shown
    from moorage.core.clock import SystemClock

    try:
        question = wanted(arguments, SystemClock().now())
    except BadQuestion as error:
        sys.stderr.write(f"moorage audit: {error}\n")
        return BAD_INPUT
    with shown("audit"):
        from moorage.server.existing import opened
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with opened(settings, os.environ) as (database, _):
            return _quietly(lambda: _answer(arguments, database, question))


def _answer(arguments: argparse.Namespace, database: Database, question: Wanted) -> int:
    from moorage.cli import audit_shown
    from moorage.cli.audit_question import accounts_of, followed
    from moorage.core.clock import SystemClock
    from moorage.storage import audit

    def accounts() -> list[str]:
        return [arguments.account] if arguments.account is not None else accounts_of(database)

    if arguments.output is not None:
        events = audit.in_order(database, accounts(), question)
        try:
            count = audit_shown.export(events, Path(arguments.output))
        except OSError as error:
            sys.stderr.write(f"moorage audit: --output: {error}\n")
            return 1
        sys.stdout.write(f"{count} records written to {arguments.output}\n")
        return 0
    if arguments.follow:
        events = followed(database, accounts, question, SystemClock())
    else:
        events = audit.in_order(database, accounts(), question)
    lines = audit_shown.json_lines(events) if arguments.json else audit_shown.table(events)
    for line in lines:
        sys.stdout.write(line)
        if arguments.follow:
            sys.stdout.flush()
    sys.stdout.flush()
    return 0


def _quietly(work: Callable[[], int]) -> int:
    """End without a complaint where the reader has gone, as `head` does, or interrupts."""
    try:
        return work()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Python flushes standard output once more at its end: that must not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
