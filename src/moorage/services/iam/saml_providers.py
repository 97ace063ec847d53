"""SAML providers: whose assertions AssumeRoleWithSAML takes."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.auth import saml_metadata
from moorage.auth.saml_metadata import MetadataRefused
from moorage.core.clock import milliseconds
from moorage.services.iam import answers, quotas, refusals, tag_operations, tag_rules
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.targets import request_tags, resource_tags
from moorage.storage import identity_tags, saml_providers
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.saml_providers import SamlProviderRow

# Source: IAM User Guide, quotas.
PROVIDERS_PER_ACCOUNT = 100
# What AWS shows where the metadata names no end [G].
VALIDITY = timedelta(days=36_525)

_ARN = re.compile(r"arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:saml-provider/(?P<name>[\w._-]{1,128})", re.ASCII)
_NOT_HERE = (
    *("AssertionEncryptionMode", "AddPrivateKey", "RemovePrivateKey", "ContextProvider"),
    *("IdentityCenterInstanceArn", "RemoveContextProvider", "RemoveIdentityCenterInstance"),
)


def _new_provider(call: Call, request: Request) -> list[Target]:
    arn = saml_providers.arn(call.caller.partition, call.caller.account_id, request["Name"])
    target = Target(arn, request_tags(request))
    if request.get("Tags"):
        call.gate.require(call.caller, "iam:TagSAMLProvider", target.arn, target.context)
    return [target]


def _named_provider(call: Call, request: Request) -> list[Target]:
    arn = request["SAMLProviderArn"]
    with call.database.read() as connection:
        provider = _find(connection, call, arn)
        tags = {} if provider is None else identity_tags.of(connection, provider.provider_id)
    return [Target(arn, {**resource_tags(tags), **request_tags(request)})]


def _all_providers(call: Call, _request: Request) -> list[Target]:
    return [Target(saml_providers.arn(call.caller.partition, call.caller.account_id, "*"))]


@iam.operation("CreateSAMLProvider", resource=_new_provider)
def create_provider(call: Call, request: Request) -> Answer:
    """Trust an identity provider by the certificates in its metadata."""
    _require_known_members(request)
    caller, name = call.caller, request["Name"]
    tags = tag_rules.parsed(request.get("Tags", ()))
    metadata = request["SAMLMetadataDocument"]
    valid_until_ms = _valid_until_ms(call, metadata)
    arn = saml_providers.arn(caller.partition, caller.account_id, name)
    with change(call, "CreateSAMLProvider", arn) as connection:
        if saml_providers.find(connection, caller.account_id, name) is not None:
            raise refusals.name_taken("SAML provider", name)
        quotas.require_room(
            "SAMLProvidersPerAccount",
            PROVIDERS_PER_ACCOUNT,
            saml_providers.count(connection, caller.account_id),
        )
        tag_rules.require_room({}, tags)
        row = saml_providers.create(
            connection,
            caller.account_id,
            name,
            metadata=metadata,
            valid_until_ms=valid_until_ms,
            now_ms=now_ms(call),
            entropy=call.entropy,
        )
        identity_tags.put(connection, row.provider_id, tags)
    return {"SAMLProviderArn": arn, **({"Tags": answers.tag_list(tags)} if tags else {})}


@iam.operation("GetSAMLProvider", resource=_named_provider)
def get_provider(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        row = _named(connection, call, request)
        tags = identity_tags.of(connection, row.provider_id)
    return {
        "SAMLProviderUUID": row.provider_id,
        "SAMLMetadataDocument": row.metadata,
        "CreateDate": answers.date(row.created_at_ms),
        "ValidUntil": answers.date(row.valid_until_ms),
        "Tags": answers.tag_list(tags),
    }


@iam.operation("ListSAMLProviders", resource=_all_providers)
def list_providers(call: Call, _request: Request) -> Answer:
    with call.database.read() as connection:
        rows = saml_providers.listing(connection, call.caller.account_id)
    return {
        "SAMLProviderList": [
            {
                "Arn": row.arn(call.caller.partition),
                "ValidUntil": answers.date(row.valid_until_ms),
                "CreateDate": answers.date(row.created_at_ms),
            }
            for row in rows
        ]
    }


@iam.operation("UpdateSAMLProvider", resource=_named_provider)
def update_provider(call: Call, request: Request) -> Answer:
    """Replace the metadata: what the old certificates signed is refused from the next request on."""
    _require_known_members(request)
    metadata = request.get("SAMLMetadataDocument")
    if metadata is None:
        raise refusals.invalid_input("Nothing to update: SAMLMetadataDocument is missing.")
    valid_until_ms = _valid_until_ms(call, metadata)
    with _changing(call, "UpdateSAMLProvider", request) as connection:
        row = _named(connection, call, request)
        saml_providers.set_metadata(connection, row, metadata, valid_until_ms=valid_until_ms)
    return {"SAMLProviderArn": request["SAMLProviderArn"]}


@iam.operation("DeleteSAMLProvider", resource=_named_provider)
def delete_provider(call: Call, request: Request) -> None:
    with _changing(call, "DeleteSAMLProvider", request) as connection:
        saml_providers.remove(connection, _named(connection, call, request))


def _changing(call: Call, operation: str, request: Request) -> AbstractContextManager[Connection]:
    return change(call, operation, request["SAMLProviderArn"])


def _named(connection: Connection, call: Call, request: Request) -> SamlProviderRow:
    arn = request["SAMLProviderArn"]
    row = _find(connection, call, arn)
    if row is None:
        raise refusals.no_such_saml_provider(arn)
    return row


def _find(connection: Connection, call: Call, arn: str) -> SamlProviderRow | None:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise refusals.invalid_arn(arn)
    row = saml_providers.find(connection, call.caller.account_id, match["name"])
    # Another account's or partition's ARN names nothing here.
    return row if row is not None and row.arn(call.caller.partition) == arn else None


def _require_known_members(request: Request) -> None:
    for member in _NOT_HERE:
        if member in request:
            raise refusals.invalid_input(
                f"This server takes no encrypted assertions and propagates no identities: leave out {member}."
            )


def _valid_until_ms(call: Call, metadata: str) -> int:
    """Read metadata; return until when it is good, in Unix milliseconds."""
    try:
        found = saml_metadata.read(metadata)
    except MetadataRefused as error:
        raise refusals.invalid_input(f"Could not parse metadata: {error}.") from error
    now = call.caller.now
    end = found.valid_until or now + VALIDITY
    if end <= now:
        raise refusals.invalid_input("Could not parse metadata: its validUntil is over.")
    return milliseconds(end)


tag_operations.register(
    "SAMLProvider",
    resource=_named_provider,
    changing=_changing,
    id_of=lambda connection, call, request: _named(connection, call, request).provider_id,
)
