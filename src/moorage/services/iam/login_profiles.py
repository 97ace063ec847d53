"""Console passwords: made for a user, shown without the password, changed, deleted.

Hashing takes a tenth of a second on purpose, so it happens before the transaction of the change, and
the change goes through only where the password still is the one that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.faults import ACCESS_DENIED, VALIDATION_ERROR, Fault
from moorage.crypto import passwords
from moorage.services.iam import answers, refusals, targets
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.password_policy import require_conforming, self_service, violation
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.sign_in_owners import Owner, owner_of
from moorage.storage import accounts, login_profiles, password_policies
from moorage.storage.login_profiles import ProfileRow
from moorage.storage.password_policies import PasswordPolicy

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.wire.dispatch import Target


def _own_password(call: Call, request: Request) -> list[Target]:
    """The rule of ChangePassword: on oneself, and granted to all users where the account says so."""
    (target,) = targets.named_user(call, request)
    return self_service(call, "iam:ChangePassword", target)


@iam.operation("CreateLoginProfile", resource=targets.named_user)
def create_login_profile(call: Call, request: Request) -> Answer:
    if "Password" not in request:  # only sessions of AssumeRoot leave it out, which there are none of
        raise Fault(VALIDATION_ERROR, "Password is required.")
    with call.database.read() as connection:
        owner = owner_of(connection, call.caller, request)
        _require_none(connection, owner)
        rules = _rules(connection, owner)
    password_hash = rules.hashed(request["Password"])
    with change(call, "CreateLoginProfile", owner.arn(call.caller.partition)) as connection:
        owner = owner_of(connection, call.caller, request)  # of the same name now as then
        _require_none(connection, owner)
        profile = ProfileRow(
            owner_id=owner.owner_id,
            account_id=owner.account_id,
            password_hash=password_hash,
            reset_required=request.get("PasswordResetRequired", False),
            max_session_seconds=_session(owner, request.get("MaxSigninSessionDuration")),
            created_at_ms=now_ms(call),
            changed_at_ms=now_ms(call),
        )
        login_profiles.create(connection, profile)
    return {"LoginProfile": _shown(owner, profile)}


@iam.operation("GetLoginProfile", resource=targets.named_user)
def get_login_profile(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        owner = owner_of(connection, call.caller, request)
        profile = _profile(connection, owner)
    return {"LoginProfile": _shown(owner, profile)}


@iam.operation("UpdateLoginProfile", resource=targets.named_user)
def update_login_profile(call: Call, request: Request) -> None:
    """Set a password, or what goes with it, in somebody's place."""
    cleared = request.get("ResetMaxSigninSessionDuration", False)
    if cleared and "MaxSigninSessionDuration" in request:
        raise refusals.invalid_input("MaxSigninSessionDuration cannot be both set and reset.")
    with call.database.read() as connection:
        owner = owner_of(connection, call.caller, request)
        profile = _profile(connection, owner)
        rules = _rules(connection, owner, profile)
    password_hash = rules.hashed(request["Password"]) if "Password" in request else None
    with change(call, "UpdateLoginProfile", owner.arn(call.caller.partition)) as connection:
        if password_hash is not None:
            _set_password(connection, call, profile, password_hash)
        profile = _profile(connection, owner)
        session = None if cleared else request.get("MaxSigninSessionDuration", profile.max_session_seconds)
        login_profiles.set_rules(
            connection,
            owner.owner_id,
            reset_required=request.get("PasswordResetRequired", profile.reset_required),
            max_session_seconds=_session(owner, session),
        )


@iam.operation("DeleteLoginProfile", resource=targets.named_user)
def delete_login_profile(call: Call, request: Request) -> None:
    with change(call, "DeleteLoginProfile", user=request.get("UserName")) as connection:
        owner = owner_of(connection, call.caller, request)
        if not login_profiles.remove(connection, owner.owner_id):
            raise _no_profile(owner)


@iam.operation("ChangePassword", resource=_own_password)
def change_password(call: Call, request: Request) -> None:
    """Change one's own password, proven by the old one. Root changes its own in the same way."""
    if call.caller.principal.kind not in {"user", "root"}:
        raise Fault("InvalidUserType", "Only users and the root user have a password.")
    with call.database.read() as connection:
        owner = owner_of(connection, call.caller, {})
        profile = _profile(connection, owner)
        rules = _rules(connection, owner, profile)
    if not passwords.verify(profile.password_hash, request["OldPassword"]):
        raise Fault(ACCESS_DENIED, "The old password was incorrect.", status=403)
    password_hash = rules.hashed(request["NewPassword"])
    with change(call, "ChangePassword", owner.arn(call.caller.partition)) as connection:
        _set_password(connection, call, profile, password_hash)
        login_profiles.set_rules(
            connection,
            owner.owner_id,
            reset_required=False,
            max_session_seconds=profile.max_session_seconds,
        )


def _require_none(connection: Connection, owner: Owner) -> None:
    if login_profiles.find(connection, owner.owner_id) is not None:
        raise Fault("EntityAlreadyExists", f"Login Profile for user {owner.name} already exists.", status=409)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What an owner's next password is held to."""

    policy: PasswordPolicy | None
    account_name: str
    used: Sequence[str]  # hashes of passwords that must not come again

    def hashed(self, password: str) -> str:
        """Return the hash of a password that the rules allow.

        Raises:
            Fault: PasswordPolicyViolation; ServiceUnavailable.
        """
        require_conforming(self.policy, password, self.account_name)
        for used in self.used:
            if passwords.verify(used, password):
                raise violation("Password should not be one of the passwords used before.")
        return passwords.hashed(password)


def _rules(connection: Connection, owner: Owner, profile: ProfileRow | None = None) -> _Rules:
    policy = password_policies.find(connection, owner.account_id)
    account = accounts.find(connection, owner.account_id)
    number = 0 if policy is None else policy.reuse_prevention or 0
    used = [] if profile is None else login_profiles.recent_hashes(connection, profile, number)
    return _Rules(policy, "" if account is None else account.name, used)


def _set_password(connection: Connection, call: Call, profile: ProfileRow, password_hash: str) -> None:
    if not login_profiles.set_password(connection, profile, password_hash, now_ms=now_ms(call)):
        raise Fault(
            "EntityTemporarilyUnmodifiable",
            "The password was changed by another request at the same time. Try again.",
            status=409,
        )


def _profile(connection: Connection, owner: Owner) -> ProfileRow:
    profile = login_profiles.find(connection, owner.owner_id)
    if profile is None:
        raise _no_profile(owner)
    return profile


def _no_profile(owner: Owner) -> Fault:
    return Fault("NoSuchEntity", f"Login Profile for User {owner.name} cannot be found.", status=404)


def _session(owner: Owner, seconds: int | None) -> int | None:
    if owner.user is None and seconds is not None:
        raise Fault(VALIDATION_ERROR, "MaxSigninSessionDuration is not supported for the root user.")
    return seconds


def _shown(owner: Owner, profile: ProfileRow) -> Answer:
    shown: Answer = {
        "UserName": owner.name,
        "CreateDate": answers.date(profile.created_at_ms),
        "PasswordResetRequired": profile.reset_required,
    }
    # Not every model of botocore has it, so neither can every answer.
    known = iam.model.shape_for("LoginProfile").members
    if profile.max_session_seconds is not None and "MaxSigninSessionDuration" in known:
        shown["MaxSigninSessionDuration"] = profile.max_session_seconds
    return shown
