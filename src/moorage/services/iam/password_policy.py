"""The account's password policy: set, shown, deleted, and held passwords to."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.services.iam.changes import change
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import password_policies
from moorage.storage.password_policies import PasswordPolicy
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call

# Source: UpdateAccountPasswordPolicy, RequireSymbols. Letters and digits are ASCII's.
SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")
# Source: IAM User Guide, "Default password policy": it asks for three of the four kinds.
DEFAULT_LENGTH = 8
DEFAULT_KINDS = 3

_KINDS = {
    "uppercase letter": frozenset(string.ascii_uppercase),
    "lowercase letter": frozenset(string.ascii_lowercase),
    "number": frozenset(string.digits),
    f"symbol ({' '.join(sorted(SYMBOLS))})": SYMBOLS,
}


def of_account(call: Call, request: Request) -> list[Target]:
    """The rule of what concerns the account as a whole."""
    del call, request
    return [Target("*")]


def of_account_or_everybody(call: Call, request: Request) -> list[Target]:
    """The rule of GetAccountPasswordPolicy: who may change a password may know what it must be like."""
    (target,) = of_account(call, request)
    return self_service(call, "iam:GetAccountPasswordPolicy", target)


def self_service(call: Call, action: str, target: Target) -> list[Target]:
    """Ask nothing more where the account lets its users change their passwords, and nothing denies it.

    The permission is the account's to all its users; an explicit deny still goes first, and what a
    boundary or a session policy leaves out stays out.
    """
    caller = call.caller
    if caller.principal.kind != "user":
        return [target]
    with call.database.read() as connection:
        policy = password_policies.find(connection, caller.account_id)
    if policy is None or not policy.users_may_change:
        return [target]
    decision = call.gate.decide(caller, action, target.arn, target.context)
    silent = decision.reason == "implicit deny" and decision.layer == "identity-based policy"
    return [] if silent else [target]


@iam.operation("UpdateAccountPasswordPolicy", resource=of_account)
def update_account_password_policy(call: Call, request: Request) -> None:
    """Set the whole policy: what the request leaves out goes back to its default."""
    policy = PasswordPolicy(
        minimum_length=request.get("MinimumPasswordLength", 6),
        symbols=request.get("RequireSymbols", False),
        numbers=request.get("RequireNumbers", False),
        uppercase=request.get("RequireUppercaseCharacters", False),
        lowercase=request.get("RequireLowercaseCharacters", False),
        users_may_change=request.get("AllowUsersToChangePassword", False),
        max_age_days=request.get("MaxPasswordAge"),
        reuse_prevention=request.get("PasswordReusePrevention"),
        hard_expiry=request.get("HardExpiry"),
    )
    with change(call, "UpdateAccountPasswordPolicy") as connection:
        password_policies.put(connection, call.caller.account_id, policy)


@iam.operation("GetAccountPasswordPolicy", resource=of_account_or_everybody)
def get_account_password_policy(call: Call, request: Request) -> Answer:
    del request
    with call.database.read() as connection:
        policy = password_policies.find(connection, call.caller.account_id)
    if policy is None:
        raise _no_policy(call.caller.account_id)
    shown: Answer = {
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.users_may_change,
        "ExpirePasswords": policy.max_age_days is not None,
        "MaxPasswordAge": policy.max_age_days,
        "PasswordReusePrevention": policy.reuse_prevention,
        "HardExpiry": policy.hard_expiry,
    }
    return {"PasswordPolicy": {name: value for name, value in shown.items() if value is not None}}


@iam.operation("DeleteAccountPasswordPolicy", resource=of_account)
def delete_account_password_policy(call: Call, request: Request) -> None:
    """Go back to the default policy."""
    del request
    with change(call, "DeleteAccountPasswordPolicy") as connection:
        if not password_policies.remove(connection, call.caller.account_id):
            raise _no_policy(call.caller.account_id)


def _no_policy(account_id: str) -> Fault:
    return Fault(
        "NoSuchEntity", f"The Password Policy with domain name {account_id} cannot be found.", status=404
    )


def require_conforming(policy: PasswordPolicy | None, password: str, account_name: str) -> None:
    """Refuse a password that an account's policy, or without one the default policy, does not allow.

    Raises:
        Fault: PasswordPolicyViolation, naming everything that is missing and nothing of the password.
    """
    problems = list(_by_default(password, account_name) if policy is None else _missing(policy, password))
    if problems:
        raise violation("Password should have " + ", and ".join(problems))


def violation(message: str) -> Fault:
    """Return the refusal of a password."""
    return Fault("PasswordPolicyViolation", message)


def _missing(policy: PasswordPolicy, password: str) -> Iterator[str]:
    if len(password) < policy.minimum_length:
        yield f"a minimum length of {policy.minimum_length}"
    wanted = (policy.uppercase, policy.lowercase, policy.numbers, policy.symbols)
    for (kind, letters), required in zip(_KINDS.items(), wanted, strict=True):
        if required and letters.isdisjoint(password):
            yield f"at least one {kind}"


def _by_default(password: str, account_name: str) -> Iterator[str]:
    if len(password) < DEFAULT_LENGTH:
        yield f"a minimum length of {DEFAULT_LENGTH}"
    found = sum(not letters.isdisjoint(password) for letters in _KINDS.values())
    if found < DEFAULT_KINDS:
        yield f"at least {DEFAULT_KINDS} of: {', '.join(_KINDS)}"
    if password == account_name:
        yield "another text than the account's name"
