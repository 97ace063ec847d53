"""`moorage account`: create, list and close accounts. Works while the service runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moorage.cli import options

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.server.settings import Settings
    from moorage.storage.database import Database

_SETTINGS = ("data", "database", "root_key", "region")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three subcommands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make an account and its root user's access key")
    create.add_argument("--name", required=True, help="what to call the account (1 to 128 characters)")
    create.add_argument("--json", action="store_true", help="print JSON")
    listing = actions.add_parser("list", help="list the accounts")
    listing.add_argument("--json", action="store_true", help="print JSON")
    close = actions.add_parser("close", help="refuse an account's credentials from now on; its data stays")
    close.add_argument("account_id", metavar="ACCOUNT", help="the account's 12 digits")
    for action in (create, listing, close):
        options.add(action, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Do it. Exit status 0, or 1 when it is refused."""
    from moorage.cli.refusals import shown

    with shown("account"):
        from moorage.server.existing import opened
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        with opened(settings, os.environ) as (database, root_key):
            if arguments.action == "create":
                return _create(arguments, settings, database, root_key)
            return _list(arguments, database) if arguments.action == "list" else _close(arguments, database)


def _create(arguments: argparse.Namespace, settings: Settings, database: Database, root_key: RootKey) -> int:
    from moorage.core.arn import partition_of
    from moorage.core.clock import SystemClock, milliseconds
    from moorage.server.first_start import StartRefused
    from moorage.storage import accounts

    name = arguments.name.strip()
    if not 1 <= len(name) <= 128 or not name.isprintable():
        raise StartRefused(f"--name: {arguments.name!r} is not a name of 1 to 128 printable characters.")
    with database.write() as connection:
        made = accounts.create(
            connection,
            root_key,
            name=name,
            partition=partition_of(settings.region),
            now_ms=milliseconds(SystemClock().now()),
        )
    shown = {
        "accountId": made.account_id,
        "accessKeyId": made.access_key_id,
        "secretAccessKey": made.secret_access_key.reveal(),
    }
    if arguments.json:
        sys.stdout.write(json.dumps(shown) + "\n")
    else:
        sys.stdout.write(
            f"account            {made.account_id}\n"
            f"access key ID      {shown['accessKeyId']}\n"
            f"secret access key  {shown['secretAccessKey']}   (its root user's; not shown again)\n"
        )
    return 0


def _list(arguments: argparse.Namespace, database: Database) -> int:
    from moorage.storage import accounts

    with database.read() as connection:
        rows = accounts.listing(connection)
    if arguments.json:
        shown = [
            {
                "accountId": row.account_id,
                "name": row.name,
                "state": row.state,
                "partition": row.partition,
                "createdAt": datetime.fromtimestamp(row.created_at_ms / 1000, UTC).isoformat(),
            }
            for row in rows
        ]
        sys.stdout.write(json.dumps(shown) + "\n")
    else:
        for row in rows:
            sys.stdout.write(f"{row.account_id}  {row.state:<6}  {row.name}\n")
    return 0


def _close(arguments: argparse.Namespace, database: Database) -> int:
    from moorage.server.first_start import StartRefused
    from moorage.storage import accounts

    with database.write() as connection:
        if not accounts.close(connection, arguments.account_id):
            raise StartRefused(
                f"there is no open account {arguments.account_id!r}. See `moorage account list`."
            )
    sys.stdout.write(f"account {arguments.account_id} is closed\n")
    return 0
