from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Installation
from moorage.auth import conditions
from moorage.auth.gate import Gate, account_in
from moorage.core.arn import Arn
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal, Session
from moorage.storage import accounts, attachments, groups, identities, policies, users
from moorage.storage.attachments import InlinePolicyRow

DEMO = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo"
POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
DENY_PUSH = (
    '{"Version": "2012-10-17", "Statement": [{"Sid": "NoPush", "Effect": "Deny",'
    ' "Action": "codecommit:GitPush", "Resource": "*"}]}'
)
ALLOW_PULL = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",'
    ' "Action": "codecommit:GitPull", "Resource": "*"}]}'
)


def calling(principal: Principal, region: str = "us-east-2") -> Caller:
    return Caller(principal, region, "request-1", NOW, user_agent="git/2.39.5")


def as_user(user: users.UserRow) -> Caller:
    return calling(
        Principal(
            "user", user.arn("aws"), ACCOUNT, "aws", user.user_id, user_name=user.name, tags={"team": "a"}
        )
    )


def as_root() -> Caller:
    return calling(Principal("root", Arn(f"arn:aws:iam::{ACCOUNT}:root"), ACCOUNT, "aws", ACCOUNT))


def allowed(gate: Gate, caller: Caller, action: str = "codecommit:GitPush", resource: str = DEMO) -> bool:
    return gate.decide(caller, action, resource).allowed


def test_a_user_without_policies_may_do_nothing_and_is_told_so_in_awss_words(
    installation: Installation,
) -> None:
    user = installation.add_user("mary")
    with pytest.raises(Fault) as refused:
        Gate(installation.database).require(as_user(user), "codecommit:GitPull", DEMO)
    assert refused.value.code == "AccessDenied"
    assert refused.value.status == 403
    assert refused.value.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/mary is not authorized to perform: codecommit:GitPull on "
        f"resource: {DEMO} because no identity-based policy allows the codecommit:GitPull action"
    )


def test_a_policy_attached_a_deny_added_and_taken_away_each_bite_on_the_next_question(
    installation: Installation,
) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    caller = as_user(user)
    assert not allowed(gate, caller)
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.attach(connection, ACCOUNT, user.user_id, POWER_USER, now_ms=NOW_MS)
    assert allowed(gate, caller)
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(user.user_id, "stop", DENY_PUSH))
    with pytest.raises(Fault, match="with an explicit deny in an identity-based policy") as refused:
        gate.require(caller, "codecommit:GitPush", DEMO)
    assert "NoPush" in str(refused.value.detail["why"])
    assert "inline policy stop of user mary" in str(refused.value.detail["why"])
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.remove_inline(connection, user.user_id, "stop")
    assert allowed(gate, caller)


def test_a_groups_policies_hold_for_its_members_until_they_leave(installation: Installation) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        group = groups.create(connection, ACCOUNT, "dev", path="/", now_ms=NOW_MS)
        groups.add_member(connection, group.group_id, user.user_id)
        attachments.attach(connection, ACCOUNT, group.group_id, POWER_USER, now_ms=NOW_MS)
    assert allowed(gate, as_user(user))
    with identities.change(installation.database, ACCOUNT) as connection:
        groups.remove_member(connection, group.group_id, user.user_id)
    assert not allowed(gate, as_user(user))


def test_a_boundary_limits_what_policies_allow(installation: Installation) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.attach(connection, ACCOUNT, user.user_id, POWER_USER, now_ms=NOW_MS)
        limit = policies.create(
            connection, ACCOUNT, "Limit", path="/", description="", document=ALLOW_PULL, now_ms=NOW_MS
        )
        users.set_boundary(connection, user.user_id, limit.arn("aws"))
    assert allowed(gate, as_user(user), "codecommit:GitPull")
    assert not allowed(gate, as_user(user), "codecommit:GitPush")


def test_a_new_version_in_force_bites_at_once(installation: Installation) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        policy = policies.create(
            connection, ACCOUNT, "P", path="/", description="", document=ALLOW_PULL, now_ms=NOW_MS
        )
        attachments.attach(connection, ACCOUNT, user.user_id, policy.arn("aws"), now_ms=NOW_MS)
    assert allowed(gate, as_user(user), "codecommit:GitPull")
    with identities.change(installation.database, ACCOUNT) as connection:
        policies.add_version(connection, policy, DENY_PUSH, now_ms=NOW_MS, make_default=True)
    assert not allowed(gate, as_user(user), "codecommit:GitPull")


def test_a_deleted_user_may_do_nothing_and_one_of_the_same_name_inherits_nothing(
    installation: Installation,
) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.attach(connection, ACCOUNT, user.user_id, POWER_USER, now_ms=NOW_MS)
    assert allowed(gate, as_user(user))
    with identities.change(installation.database, ACCOUNT) as connection:
        users.remove(connection, user.user_id)
    assert not allowed(gate, as_user(user))
    assert not allowed(gate, as_user(installation.add_user("mary")))


def test_root_passes_identity_policies_in_its_account_and_not_in_another(installation: Installation) -> None:
    gate = Gate(installation.database)
    assert allowed(gate, as_root(), "iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x")
    assert not allowed(
        gate, as_root(), "codecommit:GitPull", "arn:aws:codecommit:us-east-2:999999999999:demo"
    )


def test_everybody_of_a_closed_account_is_refused_root_too(installation: Installation) -> None:
    with installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    with pytest.raises(Fault, match="closed"):
        Gate(installation.database).decide(as_root(), "codecommit:GitPull", DEMO)


def test_policies_of_a_user_are_compiled_once_a_revision(installation: Installation) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    first = gate.of(as_user(user)).policies
    assert gate.of(as_user(user)).policies is first
    with identities.change(installation.database, ACCOUNT):
        pass
    assert gate.of(as_user(user)).policies is not first


def test_a_policy_may_speak_of_the_callers_own_name(installation: Installation) -> None:
    gate, user = Gate(installation.database), installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.attach(connection, ACCOUNT, user.user_id, POWER_USER, now_ms=NOW_MS)
    own, other = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("mary", "bob"))
    assert allowed(gate, as_user(user), "iam:UploadSSHPublicKey", own)
    assert not allowed(gate, as_user(user), "iam:UploadSSHPublicKey", other)


def test_the_global_condition_keys_of_a_long_term_key(installation: Installation) -> None:
    user = installation.add_user("mary")
    assert dict(conditions.of_request(as_user(user), "999999999999")) == {
        "aws:CurrentTime": ("2026-11-24T12:00:00Z",),
        "aws:EpochTime": ("1795521600",),
        "aws:RequestedRegion": ("us-east-2",),
        "aws:ResourceAccount": ("999999999999",),
        "aws:SecureTransport": ("true",),
        "aws:SourceIp": ("127.0.0.1",),
        "aws:ViaAWSService": ("false",),
        "aws:PrincipalIsAWSService": ("false",),
        "aws:UserAgent": ("git/2.39.5",),
        "aws:PrincipalArn": (f"arn:aws:iam::{ACCOUNT}:user/mary",),
        "aws:PrincipalAccount": (ACCOUNT,),
        "aws:PrincipalType": ("User",),
        "aws:userid": (user.user_id,),
        "aws:username": ("mary",),
        "aws:PrincipalTag/team": ("a",),
    }


def test_root_has_no_user_name_and_its_account_as_id() -> None:
    keys = conditions.of_request(as_root(), ACCOUNT)
    assert "aws:username" not in keys
    assert keys["aws:userid"] == (ACCOUNT,)
    assert keys["aws:PrincipalType"] == ("Account",)


def test_temporary_credentials_bring_their_times_and_a_role_its_own_arn() -> None:
    role = Arn(f"arn:aws:iam::{ACCOUNT}:role/r")
    session = Session(
        issued_at=NOW - timedelta(minutes=5),
        expires_at=NOW + timedelta(hours=1),
        issuer_arn=role,
        issuer_id="AROAX",
        mfa_authenticated_at=NOW - timedelta(minutes=7),
        tags={"cost": "1"},
    )
    arn = Arn(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s")
    keys = conditions.of_request(
        calling(Principal("role-session", arn, ACCOUNT, "aws", "AROAX:s", session=session)), ACCOUNT
    )
    assert keys["aws:PrincipalArn"] == (role,)
    assert keys["aws:TokenIssueTime"] == ("2026-11-24T11:55:00Z",)
    assert keys["aws:MultiFactorAuthPresent"] == ("true",)
    assert keys["aws:MultiFactorAuthAge"] == ("420",)
    assert keys["aws:PrincipalTag/cost"] == ("1",)


def test_a_session_of_a_role_that_is_not_there_has_no_rights(installation: Installation) -> None:
    arn = Arn(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s")
    session = Session(NOW, NOW, Arn(f"arn:aws:iam::{ACCOUNT}:role/r"), "AROAX")
    caller = calling(Principal("role-session", arn, ACCOUNT, "aws", "AROAX:s", session=session))
    assert not allowed(Gate(installation.database), caller)


@given(st.text())
def test_an_arns_account_is_twelve_digits_or_none(text: str) -> None:
    account = account_in(text)
    assert account is None or (len(account) == 12 and account.isascii())
