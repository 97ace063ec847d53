"""AssumeRoleWithWebIdentity: a role for who brings a token of an OpenID Connect issuer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.auth import web_identity
from moorage.services.sts import federated, role_sessions
from moorage.services.sts.federated import Vouched
from moorage.services.sts.service import Answer, Request, sts
from moorage.storage import oidc_providers

if TYPE_CHECKING:
    from moorage.services.call import Call

_SOURCE_IDENTITY = re.compile(r"(?!aws:)[\w+=,.@-]{2,64}", re.ASCII)


@sts.operation("AssumeRoleWithWebIdentity", resource=federated.nothing_to_ask)
def assume_role_with_web_identity(call: Call, request: Request) -> Answer:
    """Open a session for the subject of a token that a provider of the role's account signed."""
    if "ProviderId" in request:
        raise web_identity.invalid("This server takes tokens of OpenID Connect alone: leave out ProviderId.")
    token = request["WebIdentityToken"]
    url = web_identity.issuer_of(token)
    with call.database.read() as connection:
        role = role_sessions.asked_role(connection, request)
        provider = oidc_providers.find(connection, role.account_id, url)
    if provider is None:
        raise web_identity.invalid(f"No OpenIDConnect provider found in your account for https://{url}")
    identity = web_identity.verify(token, provider, call.issuer_keys, call.caller.now)
    source = identity.source_identity
    if source is not None and _SOURCE_IDENTITY.fullmatch(source) is None:
        raise web_identity.invalid("The token's source identity must be 2 to 64 letters, digits and +=,.@-_")
    vouched = Vouched(
        provider.arn(role.partition),
        request["RoleSessionName"],
        identity.facts(provider),
        identity.tags,
        identity.transitive_keys,
        source,
    )
    answer = federated.open_role(call, "AssumeRoleWithWebIdentity", request, vouched)
    return {
        **answer,
        "SubjectFromWebIdentityToken": identity.subject,
        "Audience": identity.audience,
        "Provider": provider.arn(role.partition),
    }
