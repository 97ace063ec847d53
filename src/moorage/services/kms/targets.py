"""What an operation of KMS concerns, and who is asked: IAM policies, the key's policy, its grants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moorage.auth.gate import refusal
from moorage.core.faults import Fault
from moorage.keys import key_access
from moorage.services.kms import names, refusals
from moorage.storage import kms_grants, kms_keys, kms_tags
from moorage.storage.kms_aliases import alias_arn
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.keys.key_access import Judgement
    from moorage.services.call import Call
    from moorage.services.kms.names import Named
    from moorage.storage.kms_grants import GrantRow
    from moorage.storage.kms_keys import KmsKeyRow

Request = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]
Rule = Callable[["Call", Request], Iterable[Target]]
About = Callable[[Request], Context]
Suits = Callable[["GrantRow"], bool]


def nothing_of_it(_request: Request) -> Context:
    """An operation whose request fills no condition key."""
    return {}


def anything(about: About = nothing_of_it) -> Rule:
    """Make the rule of an operation that is about no key yet: IAM policies alone decide."""

    def rule(_call: Call, request: Request) -> list[Target]:
        return [Target("*", about(request))]

    return rule


def on_key(
    about: About = nothing_of_it, *, member: str = "KeyId", aliases: bool = False, abroad: bool = False
) -> Rule:
    """Make the rule of an operation on the key that `member` names.

    `aliases` lets an alias name it, `abroad` lets it be another account's.
    """

    def rule(call: Call, request: Request) -> list[Target]:
        named = names.find(call, request[member], aliases=aliases)
        return [key_target(call, named, about(request), abroad=abroad)]

    return rule


def key_target(
    call: Call, named: Named, context: Context, *, abroad: bool = True, suits: Suits = lambda _grant: True
) -> Target:
    """Return the target for what a request named. Only grants that `suits` likes count.

    A key of another account that the caller may not use is refused like one that is not there, and
    nothing of it is told: not in the answer, and not in the audit of the caller's account.
    """
    foreign = named.account_id != call.caller.account_id

    def ask(action: str) -> None:
        key = named.key
        if key is None or (foreign and not abroad):
            raise _unreachable(call, named, action, context)
        judged = judge(call, key, action, _with_alias(context, named), suits)
        if judged.decision.allowed:
            return
        if foreign:
            raise _unreachable(call, named, action, context)
        raise refusal(judged.decision, judged.access)

    return Target(_told(named, foreign=foreign), context, ask)


def _unreachable(call: Call, named: Named, action: str, context: Context) -> Fault:
    """Return the refusal of a key that is not there for the caller.

    Raises:
        Fault: AccessDenied, where the caller's own policies refuse it already; as for all names of
            other accounts.
    """
    if named.by_ciphertext:
        return refusals.unknown_ciphertext_key()
    call.gate.require(call.caller, action, named.arn, context)
    return named.missing()


def _told(named: Named, *, foreign: bool) -> str:
    """Return what is noted as the resource of a request: of another account no more than was given."""
    if foreign:
        return "*" if named.by_ciphertext else named.arn
    return named.arn if named.key is None else named.key.arn


def judge(
    call: Call,
    key: KmsKeyRow,
    action: str,
    context: Context = key_access.NO_CONTEXT,
    suits: Suits = lambda _grant: True,
) -> Judgement:
    """Decide whether the caller may do something with a key."""
    ask = call.database.ask
    about = key_access.about_key(
        key, call.caller.account_id, ask(kms_keys.aliases_of, key), ask(kms_tags.of, key.key_id)
    )
    return key_access.judge(
        call.gate.of(call.caller),
        key,
        action,
        {**about, **context},
        lambda: filter(suits, ask(kms_grants.of_key, key.key_id)),
    )


def alias_target(call: Call, alias: str) -> Target:
    """Return the target of an operation on an alias of the caller's account: IAM policies decide."""
    return Target(alias_arn(call.caller.region, call.caller.account_id, alias))


def encryption_context(request: Request) -> Context:
    """The condition keys of an operation with an encryption context."""
    filled = key_access.about_encryption_context(request.get("EncryptionContext", {}))
    return {**filled, **algorithm(request)}


def algorithm(request: Request) -> Context:
    """The condition keys of whichever algorithms a request names."""
    members = {
        "EncryptionAlgorithm": "kms:EncryptionAlgorithm",
        "SigningAlgorithm": "kms:SigningAlgorithm",
        "MacAlgorithm": "kms:MacAlgorithm",
        "MessageType": "kms:MessageType",
        "KeyPairSpec": "kms:DataKeyPairSpec",
    }
    return {key: (request[member],) for member, key in members.items() if member in request}


def require_grant_tokens(call: Call, request: Request) -> None:
    """Refuse grant tokens that were never given out. A grant counts at once, so no token is needed.

    Raises:
        Fault: InvalidGrantTokenException.
    """
    for token in request.get("GrantTokens", ()):
        if call.database.ask(kms_grants.by_token, token) is None:
            raise Fault("InvalidGrantTokenException", "A grant token is not one that this server gave out.")


def _with_alias(context: Context, named: Named) -> Context:
    return context if named.alias is None else {**context, "kms:RequestAlias": (named.alias,)}
