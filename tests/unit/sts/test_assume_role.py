from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Installation, root_principal
from moorage.auth.gate import Gate
from moorage.auth.key_holders import Unusable
from moorage.auth.last_used import LastUses
from moorage.core.principal import Caller, Principal
from moorage.crypto import totp
from moorage.storage import identities, identity_tags, mfa_devices, policies, roles, users
from moorage.storage.access_keys import LastUse
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow
from sessions_at_hand import Sessions, allow, document, trusting

OTHER = "999988887777"
HOME = f"arn:aws:iam::{ACCOUNT}"
DEMO = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo"
PULL = allow("codecommit:GitPull")


@pytest.fixture
def sessions(installation: Installation) -> Sessions:
    return Sessions(installation)


@pytest.fixture
def mary(installation: Installation) -> UserRow:
    return installation.add_user("mary")


def may(sessions: Sessions, principal: Principal, action: str = "codecommit:GitPull") -> bool:
    caller = Caller(principal, "us-east-2", "request-1", NOW)
    return Gate(sessions.installation.database).decide(caller, action, DEMO).allowed


def request_of(role: RoleRow, **more: Any) -> dict[str, Any]:
    return {"RoleArn": role.arn("aws"), "RoleSessionName": "nightly", **more}


def code_of_refusal(sessions: Sessions, caller: UserRow | Principal, role: RoleRow, **more: Any) -> str:
    return sessions.desk(caller).refusal("AssumeRole", **request_of(role, **more)).code


def test_whom_the_role_trusts_gets_its_rights_and_none_of_its_own(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(f"{HOME}:user/mary"), path="/ci/")
    sessions.permit(role.role_id, PULL)
    sessions.permit(mary.user_id, allow("codecommit:GitPush"))
    answer = sessions.desk(mary).ask("AssumeRole", **request_of(role))
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role.role_id}:nightly",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/build/nightly",
    }
    assert answer["Credentials"]["Expiration"] == NOW + timedelta(hours=1)
    assert "PackedPolicySize" not in answer
    principal = sessions.principal(answer["Credentials"])
    assert principal.kind == "role-session"
    assert principal.arn == answer["AssumedRoleUser"]["Arn"]
    assert principal.unique_id == f"{role.role_id}:nightly"
    assert may(sessions, principal)
    assert not may(sessions, principal, "codecommit:GitPush")


def test_trust_of_the_account_leaves_the_choice_to_the_callers_policies(
    sessions: Sessions, mary: UserRow
) -> None:
    role = sessions.role("build", trusting(f"{HOME}:root"))
    assert code_of_refusal(sessions, mary, role) == "AccessDenied"
    sessions.permit(mary.user_id, allow("sts:AssumeRole", role.arn("aws")))
    assert sessions.assume(mary, role).kind == "role-session"


def test_a_caller_that_is_not_trusted_cannot_tell_whether_the_role_is_there(
    sessions: Sessions, mary: UserRow
) -> None:
    sessions.permit(mary.user_id, allow("sts:AssumeRole"))
    joe = sessions.installation.add_user("joe")
    role = sessions.role("build", trusting(joe.arn("aws")))
    absent = f"{HOME}:role/absent"
    refusals = [
        sessions.desk(mary).refusal("AssumeRole", RoleArn=arn, RoleSessionName="nightly")
        for arn in (role.arn("aws"), absent)
    ]
    assert [refusal.code for refusal in refusals] == ["AccessDenied", "AccessDenied"]
    told = [
        re.sub(r"role/\w+", "role/R", f"{refusal.message}{refusal.detail['why']}") for refusal in refusals
    ]
    assert told[0] == told[1]
    assert f"User: {HOME}:user/mary is not authorized to perform: sts:AssumeRole" in refusals[0].message


def test_across_accounts_both_sides_must_allow(sessions: Sessions, mary: UserRow) -> None:
    sessions.installation.add_account(OTHER)
    role = sessions.role("audit", trusting(ACCOUNT), account_id=OTHER)
    named = sessions.role("named", trusting(mary.arn("aws")), account_id=OTHER)
    closed_to_us = sessions.role("closed", trusting(OTHER), account_id=OTHER)
    for each in (role, named):
        assert code_of_refusal(sessions, mary, each) == "AccessDenied"
    sessions.permit(mary.user_id, allow("sts:AssumeRole"))
    for each in (role, named):
        assert sessions.assume(mary, each).account_id == OTHER
    assert code_of_refusal(sessions, mary, closed_to_us) == "AccessDenied"


def test_a_user_made_again_under_the_trusted_name_is_not_trusted(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    sessions.assume(mary, role)
    with identities.change(sessions.installation.database, ACCOUNT) as connection:
        users.remove(connection, mary.user_id)
    assert code_of_refusal(sessions, sessions.installation.add_user("mary"), role) == "AccessDenied"


def test_a_session_dies_with_its_role_and_one_of_the_same_name_revives_nothing(
    sessions: Sessions, mary: UserRow
) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    credentials = sessions.desk(mary).ask("AssumeRole", **request_of(role))["Credentials"]
    sessions.principal(credentials)
    with identities.change(sessions.installation.database, ACCOUNT) as connection:
        roles.remove(connection, role.role_id)
    sessions.role("build", trusting(mary.arn("aws")))
    assert isinstance(sessions.holder(credentials), Unusable)


def test_a_role_of_another_partition_or_path_is_not_there(sessions: Sessions, mary: UserRow) -> None:
    sessions.permit(mary.user_id, allow("sts:AssumeRole"))
    sessions.installation.add_account(OTHER, partition="aws-cn")
    abroad = sessions.role("audit", trusting("*"), account_id=OTHER)
    here = sessions.role("build", trusting("*"), path="/ci/")
    desk = sessions.desk(mary)
    for arn in (abroad.arn("aws-cn"), abroad.arn("aws"), f"{HOME}:role/build"):
        assert desk.refusal("AssumeRole", RoleArn=arn, RoleSessionName="nightly").code == "AccessDenied"
    assert sessions.assume(mary, here).kind == "role-session"


def test_root_and_federated_users_assume_no_roles(sessions: Sessions) -> None:
    role = sessions.role("build", trusting("*"))
    refusal = sessions.desk(root_principal()).refusal("AssumeRole", **request_of(role))
    assert (refusal.code, refusal.message) == ("AccessDenied", "Roles may not be assumed by root accounts.")
    guest = sessions.desk(root_principal()).ask("GetFederationToken", Name="guest")["Credentials"]
    assert code_of_refusal(sessions, sessions.principal(guest), role) == "AccessDenied"


def test_identities_of_others_are_not_propagated_and_not_passed_over(
    sessions: Sessions, mary: UserRow
) -> None:
    role = sessions.role("build", trusting(f"{HOME}:user/mary"))
    contexts = [{"ProviderArn": "arn:aws:iam::aws:contextProvider/Center", "ContextAssertion": "abcd"}]
    assert code_of_refusal(sessions, mary, role, ProvidedContexts=contexts) == "ValidationError"


def test_an_external_id_must_be_the_one_agreed_on(sessions: Sessions, mary: UserRow) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "agreed-42"}}
    role = sessions.role("vendor", trusting(mary.arn("aws"), Condition=condition))
    assert code_of_refusal(sessions, mary, role) == "AccessDenied"
    assert code_of_refusal(sessions, mary, role, ExternalId="other") == "AccessDenied"
    sessions.assume(mary, role, ExternalId="agreed-42")


def test_a_session_lasts_as_long_as_asked_up_to_the_roles_longest(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")), max_session_seconds=7_200)
    answer = sessions.desk(mary).ask("AssumeRole", **request_of(role, DurationSeconds=7_200))
    ends = answer["Credentials"]["Expiration"]
    assert ends == NOW + timedelta(hours=2)
    sessions.holder(answer["Credentials"], at=ends - timedelta(seconds=2))
    with pytest.raises(Exception, match="ExpiredToken"):
        sessions.holder(answer["Credentials"], at=ends - timedelta(seconds=1))
    assert code_of_refusal(sessions, mary, role, DurationSeconds=7_201) == "ValidationError"
    assert code_of_refusal(sessions, mary, role, DurationSeconds=899) == "ValidationError"


def test_a_chain_of_roles_lasts_an_hour_at_most(sessions: Sessions, mary: UserRow) -> None:
    first = sessions.role("first", trusting(mary.arn("aws")), max_session_seconds=43_200)
    second = sessions.role("second", trusting(first.arn("aws")), max_session_seconds=43_200)
    session = sessions.assume(mary, first)
    sessions.permit(first.role_id, allow("sts:AssumeRole", second.arn("aws")))
    assert sessions.assume(session, second).arn.endswith("assumed-role/second/nightly")
    refusal = sessions.desk(session).refusal("AssumeRole", **request_of(second, DurationSeconds=3_601))
    assert "1 hour session limit" in refusal.message
    assert code_of_refusal(sessions, mary, second) == "AccessDenied"


def test_a_session_policy_narrows_and_never_widens(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    sessions.permit(role.role_id, allow("codecommit:*"))
    narrow = sessions.assume(mary, role, Policy=document(PULL, allow("iam:CreateUser")))
    assert may(sessions, narrow)
    assert not may(sessions, narrow, "codecommit:GitPush")
    assert not may(sessions, narrow, "iam:CreateUser")


def test_sessions_of_one_role_are_told_apart_by_their_policies(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    sessions.permit(role.role_id, allow("codecommit:*"))
    arn = "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"
    push = document(allow("codecommit:GitPush"))
    whole = sessions.assume(mary, role)
    pushing = sessions.assume(mary, role, Policy=push)
    reading = sessions.assume(mary, role, PolicyArns=[{"arn": arn}])
    one_gate = Gate(sessions.installation.database)
    expected = ((whole, (True, True)), (pushing, (False, True)), (reading, (True, False)))
    for session, pull_and_push in expected * 2:
        caller = Caller(session, "us-east-2", "request-1", NOW)
        decisions = [one_gate.decide(caller, f"codecommit:Git{verb}", DEMO) for verb in ("Pull", "Push")]
        assert tuple(decision.allowed for decision in decisions) == pull_and_push


def test_managed_policies_of_a_session_count_in_their_version_in_force(
    sessions: Sessions, mary: UserRow
) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    sessions.permit(role.role_id, allow("codecommit:*"))
    database = sessions.installation.database
    with identities.change(database, ACCOUNT) as connection:
        policy = policies.create(
            connection, ACCOUNT, "P", path="/", description="", document=document(PULL), now_ms=NOW_MS
        )
    arn = policy.arn("aws")
    narrow = sessions.assume(mary, role, PolicyArns=[{"arn": arn}])
    assert may(sessions, narrow)
    assert not may(sessions, narrow, "codecommit:GitPush")
    with identities.change(database, ACCOUNT) as connection:
        text = document(allow("codecommit:GitPush"))
        policies.add_version(connection, policy, text, now_ms=NOW_MS, make_default=True)
    assert not may(sessions, narrow)
    assert may(sessions, narrow, "codecommit:GitPush")
    absent = [{"arn": f"{HOME}:policy/absent"}]
    assert code_of_refusal(sessions, mary, role, PolicyArns=absent) == "ValidationError"


def test_session_policies_are_checked_and_measured(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    answer = sessions.desk(mary).ask("AssumeRole", **request_of(role, Policy=document(PULL)))
    assert 1 <= answer["PackedPolicySize"] <= 10
    assert code_of_refusal(sessions, mary, role, Policy="{}") == "MalformedPolicyDocument"
    long = document(allow("codecommit:GitPull", f"arn:aws:codecommit:*:*:{'x' * 2_048}"))
    assert code_of_refusal(sessions, mary, role, Policy=long) == "ValidationError"
    read_only = {"arn": "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly"}
    assert code_of_refusal(sessions, mary, role, PolicyArns=[read_only] * 11) == "ValidationError"


def test_tags_that_do_not_fit_into_a_token_are_refused(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws"), "sts:AssumeRole", "sts:TagSession"))
    tags = [{"Key": f"{number}", "Value": f"{number * 7**300}"[:250]} for number in range(1, 51)]
    assert code_of_refusal(sessions, mary, role, Tags=tags) == "PackedPolicyTooLarge"


def tags_of(principal: Principal) -> dict[str, str]:
    assert principal.session is not None
    return dict(principal.session.tags)


def test_session_tags_need_a_permission_and_stand_over_the_roles_own(
    sessions: Sessions, mary: UserRow
) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    tagging = sessions.role("tagging", trusting(mary.arn("aws"), "sts:AssumeRole", "sts:TagSession"))
    tags = [{"Key": "Team", "Value": "blue"}]
    assert code_of_refusal(sessions, mary, role, Tags=tags) == "AccessDenied"
    with identities.change(sessions.installation.database, ACCOUNT) as connection:
        identity_tags.put(connection, tagging.role_id, {"team": "red", "cost": "7"})
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/cost": "7"}}
    sessions.permit(tagging.role_id, allow("codecommit:GitPull", Condition=condition))
    assert may(sessions, sessions.assume(mary, tagging, Tags=tags))
    assert not may(sessions, sessions.assume(mary, tagging))
    twice = [*tags, {"Key": "team", "Value": "x"}]
    assert code_of_refusal(sessions, mary, tagging, Tags=twice) == "ValidationError"
    assert code_of_refusal(sessions, mary, tagging, TransitiveTagKeys=["team"]) == "ValidationError"


def test_transitive_tags_and_the_source_identity_go_down_a_chain_and_cannot_be_changed(
    sessions: Sessions, mary: UserRow
) -> None:
    every = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    first = sessions.role("first", trusting(mary.arn("aws"), *every))
    second = sessions.role("second", trusting(first.arn("aws"), *every))
    deaf = sessions.role("deaf", trusting(first.arn("aws"), "sts:AssumeRole", "sts:TagSession"))
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "7"}]
    session = sessions.assume(mary, first, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="mary")
    sessions.permit(first.role_id, allow("sts:*"))
    assert tags_of(session) == {"team": "blue", "cost": "7"}
    next_one = sessions.assume(session, second)
    assert tags_of(next_one) == {"team": "blue"}
    assert next_one.session is not None
    assert next_one.session.source_identity == "mary"
    assert code_of_refusal(sessions, session, second, SourceIdentity="joe") == "AccessDenied"
    assert code_of_refusal(sessions, session, second, Tags=[tags[0]]) == "ValidationError"
    assert code_of_refusal(sessions, session, deaf) == "AccessDenied"


def test_a_role_may_ask_for_mfa_and_each_code_is_good_once(sessions: Sessions, mary: UserRow) -> None:
    installation = sessions.installation
    with installation.database.write() as connection:
        device = mfa_devices.create(
            connection, installation.root_key, ACCOUNT, "phone", path="/", seed=b"s" * 40, now_ms=NOW_MS
        )
        mfa_devices.enable(connection, device.device_id, mary.user_id, step=1, now_ms=NOW_MS)
    condition = {
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "NumericLessThan": {"aws:MultiFactorAuthAge": "60"},
    }
    role = sessions.role("build", trusting(mary.arn("aws"), Condition=condition))
    shown = {"SerialNumber": device.serial("aws"), "TokenCode": totp.code(b"s" * 40, totp.step_at(NOW))}
    assert code_of_refusal(sessions, mary, role) == "AccessDenied"
    wrong = {**shown, "TokenCode": f"{(int(shown['TokenCode']) + 1) % 1_000_000:06}"}
    assert code_of_refusal(sessions, mary, role, **wrong) == "AccessDenied"
    assert code_of_refusal(sessions, mary, role, TokenCode=shown["TokenCode"]) == "ValidationError"
    sessions.assume(mary, role, **shown)
    assert code_of_refusal(sessions, mary, role, **shown) == "AccessDenied"


@pytest.mark.parametrize(
    "arn", [f"{HOME}:user/mary", f"{HOME}:role/a b c d e f", "x" * 20, "arn:aws:iam::1:role/r"]
)
def test_what_is_no_role_is_a_validation_error(sessions: Sessions, mary: UserRow, arn: str) -> None:
    refusal = sessions.desk(mary).refusal("AssumeRole", RoleArn=arn, RoleSessionName="nightly")
    assert refusal.code == "ValidationError"


def test_a_deny_of_older_tokens_ends_the_sessions_of_before(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    session = sessions.assume(mary, role)
    sessions.permit(role.role_id, allow("codecommit:*"))
    assert may(sessions, session)
    before = {"DateLessThan": {"aws:TokenIssueTime": "2026-11-24T12:00:01Z"}}
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": before}
    sessions.permit(role.role_id, allow("codecommit:*"), deny)
    assert not may(sessions, session)


def test_a_role_remembers_when_and_where_it_was_last_used(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting(mary.arn("aws")))
    session = sessions.assume(mary, role)
    uses = LastUses(sessions.installation.database)
    for at_ms in (NOW_MS + 1, NOW_MS + 2):
        uses.note(session, LastUse(at_ms, "codecommit", "eu-west-1"))
    uses.flush()
    with sessions.installation.database.write() as connection:
        roles.note_uses(connection, {role.role_id: LastUse(NOW_MS, "iam", "us-east-1")})
        row = roles.by_id(connection, role.role_id)
    assert row is not None
    assert (row.last_used_at_ms, row.last_used_region) == (NOW_MS + 2, "eu-west-1")
