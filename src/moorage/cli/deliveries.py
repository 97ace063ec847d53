"""`moorage deliveries`: see what has not arrived, and have it tried again or dropped."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moorage.cli import options

if TYPE_CHECKING:
    from moorage.storage.database import Database
    from moorage.storage.deliveries import Delivery

_SETTINGS = ("data", "database", "root_key")
_MESSAGE_CHARACTERS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three subcommands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list what waits, and what was given up with the reason")
    listing.add_argument("--state", choices=("waiting", "dead"), help="only what waits, or was given up")
    listing.add_argument(
        "--json", action="store_true", help="print JSON, one message a line, bodies included"
    )
    retry = actions.add_parser("retry", help="try again what was given up")
    drop = actions.add_parser("drop", help="delete what was given up")
    for action in (retry, drop):
        action.add_argument("ids", metavar="ID", nargs="*", help="ids of messages, as `list` shows them")
        action.add_argument("--all", action="store_true", help="all that were given up")
        action.add_argument("--json", action="store_true", help="print JSON")
    for action in (listing, retry, drop):
        options.add(action, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Do it. Exit status 0, 1 when it is refused or no such message was given up, 2 for wrong usage."""
    from moorage.cli.refusals import shown

    if arguments.action != "list" and bool(arguments.ids) == arguments.all:
        sys.stderr.write(f"moorage deliveries {arguments.action}: name messages by ID, or give --all\n")
        return 2
    with shown("deliveries"):
        from moorage.server.existing import opened
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with opened(settings, os.environ) as (database, _):
            return _list(arguments, database) if arguments.action == "list" else _change(arguments, database)


def _list(arguments: argparse.Namespace, database: Database) -> int:
    from moorage.storage import deliveries

    with database.read() as connection:
        found = deliveries.listing(connection, arguments.state)
    for each in found:
        line = json.dumps(_shown(each)) if arguments.json else _line(each)
        sys.stdout.write(line + "\n")
    return 0


def _change(arguments: argparse.Namespace, database: Database) -> int:
    from moorage.storage import deliveries

    with database.write() as connection:
        if arguments.action == "retry":
            count = deliveries.revive(connection, arguments.ids, database.now_ms(connection))
        else:
            count = deliveries.drop(connection, arguments.ids)
    done = {"retry": "put on the way again", "drop": "dropped"}[arguments.action]
    sys.stdout.write(json.dumps({"messages": count}) if arguments.json else f"{count} {done}")
    sys.stdout.write("\n")
    return 0 if count or arguments.all else 1


def _line(each: Delivery) -> str:
    error = f"  {each.last_error[:_MESSAGE_CHARACTERS]}" if each.last_error else ""
    return (
        f"{each.delivery_id}  {each.state:<7}  {_time(each.at_ms)}  {each.attempts} attempts  "
        f"{each.target}{error}"
    )


def _shown(each: Delivery) -> dict[str, object]:
    return {
        "id": each.delivery_id,
        "state": each.state,
        "target": each.target,
        "stream": each.stream,
        "region": each.region,
        "at": _time(each.at_ms),
        "attempts": each.attempts,
        "nextAttemptAt": _time(each.next_attempt_at_ms),
        "lastError": each.last_error,
        "body": each.body,
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
