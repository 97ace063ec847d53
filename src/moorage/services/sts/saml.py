"""AssumeRoleWithSAML: a role for who brings a signed assertion of a SAML identity provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.auth import saml, saml_metadata
from moorage.core.clock import milliseconds
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.services.sts import federated, role_sessions
from moorage.services.sts.federated import Vouched
from moorage.services.sts.service import Answer, Request, sts
from moorage.storage import saml_providers

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.sts.role_sessions import AskedRole
    from moorage.storage.saml_providers import SamlProviderRow

_OPERATION = "AssumeRoleWithSAML"
_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:saml-provider/(?P<name>[\w._-]{1,128})", re.ASCII)


@sts.operation(_OPERATION, resource=federated.nothing_to_ask)
def assume_role_with_saml(call: Call, request: Request) -> Answer:
    """Open a session for the subject of an assertion that a provider of the role's account signed."""
    role, provider = _asked(call, request)
    if provider is None:
        raise saml.invalid("Specified provider doesn't exist")
    if provider.valid_until_ms <= milliseconds(call.caller.now):
        raise saml.invalid("The metadata of the specified provider is no longer valid")
    arn = provider.arn(role.partition)
    identity = saml.verify(request["SAMLAssertion"], saml_metadata.read(provider.metadata), call.caller.now)
    if {request["RoleArn"], arn} not in identity.roles:
        message = f"Not authorized to perform sts:{_OPERATION}"
        raise Fault(ACCESS_DENIED, message, status=403, vouched_for=role.account_id)
    vouched = Vouched(
        arn,
        identity.session_name,
        identity.facts(role.account_id, provider.name),
        identity.tags,
        identity.transitive_keys,
        identity.source_identity,
        identity.ends_at,
    )
    answer = federated.open_role(call, _OPERATION, request, vouched)
    return {
        **answer,
        "Subject": identity.subject,
        "SubjectType": identity.subject_type,
        "Issuer": identity.issuer,
        "Audience": identity.recipient,
        "NameQualifier": identity.name_qualifier(role.account_id, provider.name),
    }


def _asked(call: Call, request: Request) -> tuple[AskedRole, SamlProviderRow | None]:
    """Return the role asked for, and the provider of PrincipalArn if it is of the same account."""
    match = _ARN.fullmatch(request["PrincipalArn"])
    with call.database.read() as connection:
        role = role_sessions.asked_role(connection, request)
        found = None if match is None else saml_providers.find(connection, role.account_id, match["name"])
    if found is not None and found.arn(role.partition) != request["PrincipalArn"]:
        found = None
    return role, found
