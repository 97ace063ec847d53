"""Roles for people whom an identity provider vouches for: what web identities and SAML share.

Nobody signed the request, so the provider's word is all there is: it must be proven before this is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from moorage.auth import conditions
from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.policy import Access, Outsider, PolicySet, decide, why
from moorage.services.sts import role_sessions, session_policies
from moorage.services.sts.session_policies import invalid

if TYPE_CHECKING:
    from moorage.auth.sessions import SessionWishes
    from moorage.services.call import Call
    from moorage.services.sts.role_sessions import AskedRole
    from moorage.services.sts.service import Answer, Request
    from moorage.wire.dispatch import Target

# Source: STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Passing session tags in STS".
MAX_TAGS = 50
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256
# Of all condition keys that a provider fills, with their values: they are carried in the session's token,
# and kept in memory while it is in use. AWS's limit is not told.
MAX_FACTS_CHARACTERS = 8_192


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody whom a provider of the role's account vouches for.

    `facts` are the condition keys of what it said, kept in the session. The session ends by `ends_at`
    at the latest.
    """

    provider_arn: str
    session_name: str
    facts: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, str]
    transitive_keys: tuple[str, ...]
    source_identity: str | None
    ends_at: datetime | None = None


def nothing_to_ask(_call: Call, _request: Request) -> list[Target]:
    """The rule of operations that nobody signs: the role's trust policy is asked once a token is proven."""
    return []


def open_role(call: Call, operation: str, request: Request, vouched: Vouched) -> Answer:
    """Open a session of the role asked for, if its trust policy allows the provider's person to.

    Raises:
        Fault: AccessDenied in one wording, whether the role is not there or does not trust; ValidationError,
            MalformedPolicyDocument, PackedPolicyTooLarge.
    """
    _require_sound_tags(vouched)
    _require_short_facts(vouched)
    with call.database.read() as connection:
        role = role_sessions.asked_role(connection, request)
        _require_trust(call, operation, role, vouched)
        wishes, percent = session_policies.wishes(
            connection,
            request,
            account_id=role.account_id,
            partition=role.partition,
            tags=vouched.tags,
            transitive_keys=vouched.transitive_keys,
        )
    seconds = role_sessions.require_length(role.known, request)
    if vouched.ends_at is not None:
        seconds = min(seconds, int((vouched.ends_at - call.caller.now).total_seconds()))
    return role_sessions.open_session(
        call,
        role,
        name=vouched.session_name,
        seconds=seconds,
        now=call.caller.now,
        wishes=_vouched_for(wishes, vouched),
        packed_percent=percent,
    )


def _vouched_for(wishes: SessionWishes, vouched: Vouched) -> SessionWishes:
    return replace(
        wishes,
        source_identity=vouched.source_identity,
        provider=vouched.provider_arn,
        facts=vouched.facts,
    )


def _require_trust(call: Call, operation: str, role: AskedRole, vouched: Vouched) -> None:
    caller = call.caller
    context = {
        **vouched.facts,
        **session_policies.tag_context(vouched.tags, vouched.transitive_keys),
        "sts:RoleSessionName": (vouched.session_name,),
        "aws:FederatedProvider": (vouched.provider_arn,),
        **role.context,
        **conditions.of_request(caller, role.account_id),
    }
    if vouched.source_identity is not None:
        context["sts:SourceIdentity"] = (vouched.source_identity,)
    actions = [f"sts:{operation}"]
    actions += ["sts:TagSession"] if vouched.tags else []
    actions += ["sts:SetSourceIdentity"] if vouched.source_identity is not None else []
    for action in actions:
        access = Access(
            Outsider("Federated", vouched.provider_arn), action, role.arn, context, role.account_id
        )
        decision = decide(access, PolicySet(), role.trust, resource_policy_must_allow=True)
        if not decision.allowed or role.partition != caller.partition:
            raise Fault(
                ACCESS_DENIED,
                f"Not authorized to perform {action}",
                status=403,
                why=why(decision, access),
                vouched_for=role.account_id,
            )


def _require_short_facts(vouched: Vouched) -> None:
    """Refuse more than a session can carry.

    Raises:
        Fault: InvalidIdentityToken.
    """
    size = sum(len(key) + sum(map(len, values)) for key, values in vouched.facts.items())
    if size > MAX_FACTS_CHARACTERS:
        raise Fault(
            "InvalidIdentityToken",
            f"What the identity provider says has {size:,} characters; a session holds "
            f"{MAX_FACTS_CHARACTERS:,} characters.",
        )


def _require_sound_tags(vouched: Vouched) -> None:
    """Refuse session tags that the request's own could not be either.

    Raises:
        Fault: ValidationError.
    """
    tags = vouched.tags
    if len(tags) > MAX_TAGS:
        raise invalid(f"A session takes at most {MAX_TAGS} tags.")
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_TAG_KEY or len(value) > MAX_TAG_VALUE or not (key + value).isprintable():
            raise invalid(
                f"A session tag's key has 1 to {MAX_TAG_KEY} characters, its value at most {MAX_TAG_VALUE}."
            )
    session_policies.requested_tags({"Tags": [{"Key": key, "Value": tags[key]} for key in tags]})
