"""OpenID Connect providers: issuers whose tokens AssumeRoleWithWebIdentity takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import Connection

from moorage.services.iam import answers, quotas, refusals, tag_operations, tag_rules
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.targets import request_tags, resource_tags
from moorage.storage import identity_tags, oidc_providers
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.oidc_providers import OidcProviderRow

# Source: IAM API Reference, CreateOpenIDConnectProvider; IAM User Guide, quotas.
PROVIDERS_PER_ACCOUNT = 100
CLIENT_IDS = 100
THUMBPRINTS = 5

_ARN = re.compile(r"arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:oidc-provider/(?P<url>[!-~]+)", re.ASCII)
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%/+-]*)?", re.ASCII)
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}", re.ASCII)
_NOT_HERE = ("ContextProvider", "IdentityCenterInstanceArn")


def _new_provider(call: Call, request: Request) -> list[Target]:
    arn = oidc_providers.arn(call.caller.partition, call.caller.account_id, _checked_url(request["Url"]))
    target = Target(arn, request_tags(request))
    if request.get("Tags"):
        call.gate.require(call.caller, "iam:TagOpenIDConnectProvider", target.arn, target.context)
    return [target]


def _named_provider(call: Call, request: Request) -> list[Target]:
    arn = request["OpenIDConnectProviderArn"]
    _url_in(arn)
    with call.database.read() as connection:
        provider = _find(connection, call, arn)
        tags = {} if provider is None else identity_tags.of(connection, provider.provider_id)
    return [Target(arn, {**resource_tags(tags), **request_tags(request)})]


def _all_providers(call: Call, _request: Request) -> list[Target]:
    return [Target(oidc_providers.arn(call.caller.partition, call.caller.account_id, "*"))]


@iam.operation("CreateOpenIDConnectProvider", resource=_new_provider)
def create_provider(call: Call, request: Request) -> Answer:
    """Trust an issuer. Nothing is fetched from it now: see docs/mechanisms/federation.md."""
    for member in _NOT_HERE:
        if member in request:
            raise refusals.invalid_input(f"This server does not propagate identities: leave out {member}.")
    caller, url = call.caller, _checked_url(request["Url"])
    client_ids = tuple(dict.fromkeys(request.get("ClientIDList", ())))
    thumbprints = _checked_thumbprints(request.get("ThumbprintList", ()))
    tags = tag_rules.parsed(request.get("Tags", ()))
    quotas.require_room("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS, 0, len(client_ids))
    arn = oidc_providers.arn(caller.partition, caller.account_id, url)
    with change(call, "CreateOpenIDConnectProvider", arn) as connection:
        if oidc_providers.find(connection, caller.account_id, url) is not None:
            raise refusals.oidc_provider_taken(f"{oidc_providers.SCHEME}{url}")
        quotas.require_room(
            "OpenIdConnectProvidersPerAccount",
            PROVIDERS_PER_ACCOUNT,
            oidc_providers.count(connection, caller.account_id),
        )
        tag_rules.require_room({}, tags)
        row = oidc_providers.create(
            connection,
            caller.account_id,
            url,
            client_ids=client_ids,
            thumbprints=thumbprints,
            now_ms=now_ms(call),
            entropy=call.entropy,
        )
        identity_tags.put(connection, row.provider_id, tags)
    return {"OpenIDConnectProviderArn": arn, **({"Tags": answers.tag_list(tags)} if tags else {})}


@iam.operation("GetOpenIDConnectProvider", resource=_named_provider)
def get_provider(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        row = _named(connection, call, request)
        tags = identity_tags.of(connection, row.provider_id)
    return {
        "Url": row.url,
        "ClientIDList": list(row.client_ids),
        "ThumbprintList": list(row.thumbprints),
        "CreateDate": answers.date(row.created_at_ms),
        "Tags": answers.tag_list(tags),
    }


@iam.operation("ListOpenIDConnectProviders", resource=_all_providers)
def list_providers(call: Call, _request: Request) -> Answer:
    with call.database.read() as connection:
        rows = oidc_providers.listing(connection, call.caller.account_id)
    return {"OpenIDConnectProviderList": [{"Arn": row.arn(call.caller.partition)} for row in rows]}


@iam.operation("DeleteOpenIDConnectProvider", resource=_named_provider)
def delete_provider(call: Call, request: Request) -> None:
    with _changing(call, "DeleteOpenIDConnectProvider", request) as connection:
        oidc_providers.remove(connection, _named(connection, call, request))


@iam.operation("UpdateOpenIDConnectProviderThumbprint", resource=_named_provider)
def update_thumbprints(call: Call, request: Request) -> None:
    """Replace the whole list."""
    thumbprints = _checked_thumbprints(request["ThumbprintList"])
    with _changing(call, "UpdateOpenIDConnectProviderThumbprint", request) as connection:
        oidc_providers.set_thumbprints(connection, _named(connection, call, request), thumbprints)


@iam.operation("AddClientIDToOpenIDConnectProvider", resource=_named_provider)
def add_client_id(call: Call, request: Request) -> None:
    """Add an audience; that it is there already is no error."""
    with _changing(call, "AddClientIDToOpenIDConnectProvider", request) as connection:
        row = _named(connection, call, request)
        client_ids = tuple(dict.fromkeys((*row.client_ids, request["ClientID"])))
        quotas.require_room("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS, 0, len(client_ids))
        oidc_providers.set_client_ids(connection, row, client_ids)


@iam.operation("RemoveClientIDFromOpenIDConnectProvider", resource=_named_provider)
def remove_client_id(call: Call, request: Request) -> None:
    """Remove an audience; that it is not there is no error."""
    with _changing(call, "RemoveClientIDFromOpenIDConnectProvider", request) as connection:
        row = _named(connection, call, request)
        client_ids = [each for each in row.client_ids if each != request["ClientID"]]
        oidc_providers.set_client_ids(connection, row, client_ids)


def _changing(call: Call, operation: str, request: Request) -> AbstractContextManager[Connection]:
    return change(call, operation, request["OpenIDConnectProviderArn"])


def _named(connection: Connection, call: Call, request: Request) -> OidcProviderRow:
    arn = request["OpenIDConnectProviderArn"]
    row = _find(connection, call, arn)
    if row is None:
        raise refusals.no_such_oidc_provider(arn)
    return row


def _find(connection: Connection, call: Call, arn: str) -> OidcProviderRow | None:
    row = oidc_providers.find(connection, call.caller.account_id, _url_in(arn))
    # Another account's or partition's ARN names nothing here.
    return row if row is not None and row.arn(call.caller.partition) == arn else None


def _url_in(arn: str) -> str:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise refusals.invalid_arn(arn)
    return match["url"]


def _checked_url(url: str) -> str:
    """Return an issuer's URL without its scheme.

    A port is taken, unlike at AWS: issuers inside a company often have one.
    """
    if _URL.fullmatch(url) is None or not _has_port_and_host(urlsplit(url)):
        raise refusals.invalid_input(
            f"Invalid Open ID Connect Provider URL {url}: it must be as https://HOST/PATH."
        )
    return url.removeprefix(oidc_providers.SCHEME)


def _has_port_and_host(parts: SplitResult) -> bool:
    try:
        return parts.hostname is not None and parts.port != 0
    except ValueError:  # beyond 65535
        return False


def _checked_thumbprints(given: Sequence[str]) -> tuple[str, ...]:
    quotas.require_room("ThumbprintsPerOpenIdConnectProvider", THUMBPRINTS, 0, len(given))
    for each in given:
        if _THUMBPRINT.fullmatch(each) is None:
            raise refusals.invalid_input(
                "Thumbprint must be 40 hexadecimal digits: a certificate's SHA-1 hash."
            )
    return tuple(dict.fromkeys(each.lower() for each in given))


tag_operations.register(
    "OpenIDConnectProvider",
    resource=_named_provider,
    changing=_changing,
    id_of=lambda connection, call, request: _named(connection, call, request).provider_id,
)
