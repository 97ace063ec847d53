"""`moorage why`: may this principal do this to that, which statement decides, what would have to change."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from moorage.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.core.principal import Caller, Principal
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database

_SETTINGS = ("data", "database", "root_key", "region")

ALLOWED, DENIED, BAD_INPUT = 0, 1, 2


class BadInput(ValueError):
    """What was asked cannot be answered; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the question, or the request to explain."""
    parser.add_argument(
        "principal",
        metavar="PRINCIPAL",
        nargs="?",
        help="ARN of a user, role, role session or account root; or user/NAME, role/NAME, root",
    )
    parser.add_argument("action", metavar="ACTION", nargs="?", help="as codecommit:GitPush")
    parser.add_argument("resource", metavar="RESOURCE", nargs="?", help="an ARN, or *")
    parser.add_argument(
        "--context",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a condition key of the request, as aws:SourceIp=192.0.2.7; several give a key several values",
    )
    parser.add_argument(
        "--account", metavar="ID", help="whose user/NAME, role/NAME or root (default: the first)"
    )
    parser.add_argument("--request", metavar="ID", help="explain the request with this id instead")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Explain. Exit status 0 when it is allowed, 1 when it is denied, 2 when it cannot be answered."""
    from moorage.cli.refusals import Refused, shown

    try:
        with shown("why"):
            from moorage.server.existing import opened
            from moorage.server.settings_load import load

            settings = load(options.given(arguments), config=arguments.config)
            with opened(settings, os.environ) as (database, root_key):
                if arguments.request is not None:
                    return _request(arguments, database)
                return _question(arguments, settings.region, database, root_key)
    except Refused:
        return BAD_INPUT
    except BadInput as error:
        sys.stderr.write(f"moorage why: {error}\n")
        return BAD_INPUT


def _question(arguments: argparse.Namespace, region: str, database: Database, root_key: RootKey) -> int:
    from moorage.auth.gate import Gate
    from moorage.cli import why_shown
    from moorage.keys.keyring import Keyring
    from moorage.repos.why import Inquiry

    action, resource = arguments.action, arguments.resource
    if arguments.principal is None or action is None or resource is None:
        raise BadInput("give PRINCIPAL ACTION RESOURCE, or --request ID")
    _require_action(action)
    _require_resource(resource)
    context = read_context(arguments.context)
    principal = _principal(database, arguments.principal, arguments.account)
    gate = Gate(database)
    inquiry = Inquiry(database, gate, Keyring(database, root_key, gate))
    answer = inquiry.ask(_caller(principal, region, resource, context), action, resource, context)
    sys.stdout.write(why_shown.as_json(answer) if arguments.json else why_shown.as_text(answer))
    return ALLOWED if answer.allowed else DENIED


def _request(arguments: argparse.Namespace, database: Database) -> int:
    from moorage.cli import why_request

    if arguments.principal is not None or arguments.context:
        raise BadInput("--request explains a request as it was: give no question and no --context beside it")
    with database.read() as connection:
        rows = why_request.rows_of(connection, arguments.request)
    if not rows:
        raise BadInput(why_request.not_found(arguments.request))
    sys.stdout.write(why_request.as_json(rows) if arguments.json else why_request.as_text(rows))
    return DENIED if any(row.outcome != "allowed" for row in rows) else ALLOWED


def read_context(given: list[str]) -> Mapping[str, tuple[str, ...]]:
    """Read KEY=VALUE options; one key given several times has several values.

    Raises:
        BadInput
    """
    context: dict[str, tuple[str, ...]] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or ":" not in key:
            raise BadInput(
                f"--context: {text!r} is not KEY=VALUE with a condition key, as aws:SourceIp=192.0.2.7"
            )
        context[key] = (*context.get(key, ()), value)
    return context


def _require_action(action: str) -> None:
    service, sign, name = action.partition(":")
    if not (service and sign and name) or "*" in action or "?" in action:
        raise BadInput(f"ACTION: {action!r} is not one action, as codecommit:GitPush")


def _require_resource(resource: str) -> None:
    if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
        raise BadInput(f'RESOURCE: {resource!r} is no ARN and not "*"')


def _principal(database: Database, name: str, account_id: str | None) -> Principal:
    from moorage.auth.named import NoSuchPrincipal, principal_named
    from moorage.core.clock import SystemClock
    from moorage.server import installation

    with database.read() as connection:
        account = account_id or installation.fact(connection, installation.DEFAULT_ACCOUNT) or ""
        try:
            return principal_named(connection, name, account, SystemClock().now())
        except NoSuchPrincipal as error:
            raise BadInput(f"PRINCIPAL: {error}") from error


def _caller(
    principal: Principal, region: str, resource: str, context: Mapping[str, tuple[str, ...]]
) -> Caller:
    from moorage.core.clock import SystemClock
    from moorage.core.principal import Caller

    # A request about something that has a region is made in that region.
    asked_in = resource.split(":", 4)[3] if resource.startswith("arn:") else ""
    source_ip = context.get("aws:SourceIp", ("127.0.0.1",))[0]
    return Caller(principal, asked_in or region, "", SystemClock().now(), source_ip=source_ip)
