from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal, user_principal
from moorage.core.arn import Arn
from moorage.core.faults import Fault
from moorage.core.principal import Principal
from moorage.crypto import passwords
from moorage.services.iam import iam
from moorage.services.iam.login_profiles import change_password
from moorage.storage import login_profiles

GOOD, BETTER = "Correct-horse-1", "Battery-staple-2"
CHANGE_OWN = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "%s", "Action": "iam:ChangePassword",'
    ' "Resource": "*"}]}'
)
RULES: dict[str, Any] = {
    "MinimumPasswordLength": 10,
    "RequireSymbols": True,
    "RequireNumbers": True,
    "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True,
}

# Newer models have the member, the locked one may not: then nothing can show it, and nothing may fail.
SHOWN = 7200 if "MaxSigninSessionDuration" in iam.model.shape_for("LoginProfile").members else None


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(root: Desk, installation: Installation) -> Desk:
    return Desk(installation, iam, user_principal(installation.add_user("mary")))


def allow_change(root: Desk, effect: str = "Allow") -> None:
    root.ask("PutUserPolicy", UserName="mary", PolicyName=effect, PolicyDocument=CHANGE_OWN % effect)


def is_password(installation: Installation, owner_id: str, password: str) -> bool:
    with installation.database.read() as connection:
        profile = login_profiles.find(connection, owner_id)
    assert profile is not None
    assert password not in repr(profile)
    return passwords.verify(profile.password_hash, password)


def test_a_password_is_made_shown_without_itself_and_deleted(root: Desk, mary: Desk) -> None:
    made = root.ask("CreateLoginProfile", UserName="mary", Password=GOOD, PasswordResetRequired=True)
    assert made["LoginProfile"] == {"UserName": "mary", "CreateDate": NOW, "PasswordResetRequired": True}
    assert root.ask("GetLoginProfile", UserName="mary") == made
    assert is_password(root.installation, mary.call.caller.principal.unique_id, GOOD)
    root.ask("DeleteLoginProfile", UserName="mary")
    for operation in ("GetLoginProfile", "DeleteLoginProfile", "UpdateLoginProfile"):
        fault = root.refusal(operation, UserName="mary")
        assert (fault.code, fault.status) == ("NoSuchEntity", 404)
        assert fault.message == "Login Profile for User mary cannot be found."


def test_a_second_password_is_refused(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    fault = root.refusal("CreateLoginProfile", UserName="mary", Password=BETTER)
    assert (fault.code, fault.status) == ("EntityAlreadyExists", 409)
    assert root.refusal("CreateLoginProfile", UserName="bob", Password=GOOD).code == "NoSuchEntity"
    assert root.refusal("CreateLoginProfile", UserName="mary").code == "ValidationError"


def test_an_update_changes_only_what_it_names(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD, PasswordResetRequired=True)
    root.ask("UpdateLoginProfile", UserName="mary", MaxSigninSessionDuration=7200)
    shown = root.ask("GetLoginProfile", UserName="mary")["LoginProfile"]
    assert (shown["PasswordResetRequired"], shown.get("MaxSigninSessionDuration")) == (True, SHOWN)
    root.ask("UpdateLoginProfile", UserName="mary", Password=BETTER, PasswordResetRequired=False)
    assert is_password(root.installation, mary.call.caller.principal.unique_id, BETTER)
    root.ask("UpdateLoginProfile", UserName="mary", ResetMaxSigninSessionDuration=True)
    shown = root.ask("GetLoginProfile", UserName="mary")["LoginProfile"]
    assert (shown["PasswordResetRequired"], shown.get("MaxSigninSessionDuration")) == (False, None)
    both = {"MaxSigninSessionDuration": 7200, "ResetMaxSigninSessionDuration": True}
    assert root.refusal("UpdateLoginProfile", UserName="mary", **both).code == "InvalidInput"


def test_changing_ones_own_password_needs_the_old_one(root: Desk, mary: Desk) -> None:
    allow_change(root)
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD, PasswordResetRequired=True)
    fault = mary.refusal("ChangePassword", OldPassword=BETTER, NewPassword=BETTER)
    assert (fault.code, fault.message) == ("AccessDenied", "The old password was incorrect.")
    mary.ask("ChangePassword", OldPassword=GOOD, NewPassword=BETTER)
    assert is_password(root.installation, mary.call.caller.principal.unique_id, BETTER)
    assert root.ask("GetLoginProfile", UserName="mary")["LoginProfile"]["PasswordResetRequired"] is False


def test_a_role_session_has_no_password(root: Desk) -> None:
    principal = Principal(
        "role-session",
        Arn(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"),
        ACCOUNT,
        "aws",
        "AROAXXXXXXXXXXXXXXXXX:s",
    )
    caller = replace(root.call.caller, principal=principal)
    with pytest.raises(Fault, match="InvalidUserType"):
        change_password(replace(root.call, caller=caller), {"OldPassword": GOOD, "NewPassword": BETTER})


def test_users_may_change_their_passwords_where_the_account_lets_them(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    change = {"OldPassword": GOOD, "NewPassword": BETTER}
    assert "iam:ChangePassword" in mary.refusal("ChangePassword", **change).message
    root.ask("UpdateAccountPasswordPolicy", AllowUsersToChangePassword=True)
    allow_change(root, "Deny")
    assert "explicit deny" in mary.refusal("ChangePassword", **change).message
    root.ask("DeleteUserPolicy", UserName="mary", PolicyName="Deny")
    mary.ask("ChangePassword", **change)
    assert mary.ask("GetAccountPasswordPolicy")["PasswordPolicy"]["AllowUsersToChangePassword"]
    assert mary.refusal("UpdateAccountPasswordPolicy").code == "AccessDenied"


def test_a_boundary_holds_what_the_account_lets_all_users_do(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    root.ask("UpdateAccountPasswordPolicy", AllowUsersToChangePassword=True)
    boundary = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
    root.ask("PutUserPermissionsBoundary", UserName="mary", PermissionsBoundary=boundary)
    allow_change(root)
    refusal = mary.refusal("ChangePassword", OldPassword=GOOD, NewPassword=BETTER)
    assert "no permissions boundary allows" in refusal.message


def test_root_has_a_password_of_its_own(root: Desk) -> None:
    assert root.refusal("GetLoginProfile").code == "NoSuchEntity"
    made = root.ask("CreateLoginProfile", Password=GOOD)["LoginProfile"]
    assert made["UserName"] == "root"
    root.ask("ChangePassword", OldPassword=GOOD, NewPassword=BETTER)
    root.ask("UpdateLoginProfile", UserName="root", Password=GOOD)
    assert is_password(root.installation, ACCOUNT, GOOD)
    assert root.refusal("UpdateLoginProfile", UserName="root", MaxSigninSessionDuration=7200).code == (
        "ValidationError"
    )
    root.ask("DeleteLoginProfile")
    assert root.refusal("DeleteLoginProfile", UserName=ACCOUNT).code == "NoSuchEntity"


def test_a_user_called_root_is_a_user_like_others(root: Desk, mary: Desk) -> None:
    user = root.installation.add_user("root")
    root.ask("CreateLoginProfile", UserName="root", Password=GOOD)
    assert is_password(root.installation, user.user_id, GOOD)
    assert root.refusal("GetLoginProfile").code == "NoSuchEntity"
    allowed = CHANGE_OWN.replace("iam:ChangePassword", "iam:*") % "Allow"
    root.ask("PutUserPolicy", UserName="mary", PolicyName="all", PolicyDocument=allowed)
    root.ask("DeleteLoginProfile", UserName="root")
    root.ask("DeleteUser", UserName="root")
    assert mary.refusal("CreateLoginProfile", UserName="root", Password=GOOD).code == "NoSuchEntity"


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("Aa1-", "a minimum length of 10"),
        ("correct-horse-1", "uppercase"),
        ("CORRECT-HORSE-1", "lowercase"),
        ("Correct-horse-x", "number"),
        ("Correcthorse11", "symbol"),
        ("Correcthorse1é", "symbol"),
    ],
)
def test_the_accounts_policy_is_asked_wherever_a_password_is_set(
    root: Desk, mary: Desk, password: str, missing: str
) -> None:
    allow_change(root)
    root.ask("UpdateAccountPasswordPolicy", **RULES)
    refusals = [root.refusal("CreateLoginProfile", UserName="mary", Password=password)]
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    refusals += [
        root.refusal("UpdateLoginProfile", UserName="mary", Password=password),
        mary.refusal("ChangePassword", OldPassword=GOOD, NewPassword=password),
    ]
    for fault in refusals:
        assert fault.code == "PasswordPolicyViolation"
        assert missing in fault.message
        assert password not in fault.message
    assert is_password(root.installation, mary.call.caller.principal.unique_id, GOOD)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Aa1-aa1", False),
        ("lowercase1", False),
        ("lowercase-1", True),
        ("UPPER-CASE1", True),
        ("main", False),
    ],
)
def test_without_a_policy_three_kinds_of_characters_are_asked_for(
    root: Desk, mary: Desk, password: str, good: bool
) -> None:
    if good:
        root.ask("CreateLoginProfile", UserName="mary", Password=password)
    else:
        fault = root.refusal("CreateLoginProfile", UserName="mary", Password=password)
        assert fault.code == "PasswordPolicyViolation"


def test_as_many_earlier_passwords_as_the_policy_says_do_not_come_again(root: Desk, mary: Desk) -> None:
    root.ask("UpdateAccountPasswordPolicy", PasswordReusePrevention=2)
    root.ask("CreateLoginProfile", UserName="mary", Password="first1")
    for password in ("second", "third3"):
        root.ask("UpdateLoginProfile", UserName="mary", Password=password)
    for used in ("second", "third3"):
        fault = root.refusal("UpdateLoginProfile", UserName="mary", Password=used)
        assert fault.code == "PasswordPolicyViolation"
    root.ask("UpdateLoginProfile", UserName="mary", Password="first1")


def test_no_more_earlier_passwords_are_kept_than_a_policy_can_ask_about(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    owner_id = mary.call.caller.principal.unique_id
    for number in range(30):
        with root.installation.database.write() as connection:
            profile = login_profiles.find(connection, owner_id)
            assert profile is not None
            assert login_profiles.set_password(connection, profile, f"hash {number}", now_ms=0)
    with root.installation.database.read() as connection:
        profile = login_profiles.find(connection, owner_id)
        assert profile is not None
        kept = login_profiles.recent_hashes(connection, profile, 100)
    assert kept == [f"hash {number}" for number in range(29, 5, -1)]


def test_of_two_changes_at_once_the_second_is_told(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    with root.installation.database.write() as connection:
        profile = login_profiles.find(connection, mary.call.caller.principal.unique_id)
        assert profile is not None
        assert login_profiles.set_password(connection, profile, "one", now_ms=0)
        assert not login_profiles.set_password(connection, profile, "two", now_ms=0)


def test_a_user_with_a_password_is_not_deleted(root: Desk, mary: Desk) -> None:
    root.ask("CreateLoginProfile", UserName="mary", Password=GOOD)
    fault = root.refusal("DeleteUser", UserName="mary")
    assert (fault.code, fault.message) == (
        "DeleteConflict",
        "Cannot delete entity, must delete login profile first.",
    )
    root.ask("DeleteLoginProfile", UserName="mary")
    root.ask("DeleteUser", UserName="mary")
