from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Installation, root_principal
from moorage.auth.gate import Gate
from moorage.auth.key_holders import Unusable
from moorage.core.principal import Caller, Principal
from moorage.crypto import totp
from moorage.storage import accounts, identities, mfa_devices, users
from moorage.storage.users import UserRow
from sessions_at_hand import Sessions, allow, document, trusting

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


def own(sessions: Sessions, caller: UserRow | Principal, **more: Any) -> dict[str, Any]:
    credentials: dict[str, Any] = sessions.desk(caller).ask("GetSessionToken", **more)["Credentials"]
    return credentials


def test_a_session_of_a_user_is_the_user(sessions: Sessions, mary: UserRow) -> None:
    sessions.permit(mary.user_id, PULL)
    credentials = own(sessions, mary)
    assert credentials["Expiration"] == NOW + timedelta(hours=12)
    principal = sessions.principal(credentials)
    assert (principal.kind, principal.arn, principal.unique_id) == ("user", mary.arn("aws"), mary.user_id)
    assert principal.user_name == "mary"
    assert may(sessions, principal)
    assert not may(sessions, principal, "codecommit:GitPush")


def test_a_session_of_root_is_root_for_an_hour_at_most(sessions: Sessions) -> None:
    for more in ({}, {"DurationSeconds": 129_600}):
        credentials = own(sessions, root_principal(), **more)
        assert credentials["Expiration"] == NOW + timedelta(hours=1)
    assert own(sessions, root_principal(), DurationSeconds=900)["Expiration"] == NOW + timedelta(minutes=15)
    principal = sessions.principal(credentials)
    assert principal.kind == "root"
    assert may(sessions, principal, "codecommit:DeleteRepository")


def test_a_token_may_be_asked_to_be_long(sessions: Sessions, mary: UserRow) -> None:
    credentials = own(sessions, mary, MinimumSessionTokenSize=2_000)
    assert len(credentials["SessionToken"]) == 2_000
    sessions.principal(credentials)


def test_mfa_shown_for_a_session_is_known_to_its_requests(sessions: Sessions, mary: UserRow) -> None:
    installation = sessions.installation
    with installation.database.write() as connection:
        device = mfa_devices.create(
            connection, installation.root_key, ACCOUNT, "phone", path="/", seed=b"s" * 40, now_ms=NOW_MS
        )
        mfa_devices.enable(connection, device.device_id, mary.user_id, step=1, now_ms=NOW_MS)
    serial = device.serial("aws")
    sessions.permit(
        mary.user_id,
        allow("codecommit:GitPull", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    )
    assert not may(sessions, sessions.principal(own(sessions, mary)))
    code = totp.code(b"s" * 40, totp.step_at(NOW))
    with_mfa = sessions.principal(own(sessions, mary, SerialNumber=serial, TokenCode=code))
    assert may(sessions, with_mfa)
    refusal = sessions.desk(mary).refusal("GetSessionToken", SerialNumber=serial, TokenCode=code)
    assert refusal.code == "AccessDenied"
    # A role that is assumed from it does not inherit that.
    role = sessions.role("build", trusting(mary.arn("aws")))
    session = sessions.assume(with_mfa, role).session
    assert session is not None
    assert session.mfa_authenticated_at is None


def test_sessions_open_no_further_sessions_but_those_of_roles(sessions: Sessions, mary: UserRow) -> None:
    role = sessions.role("build", trusting("*"))
    sessions.permit(mary.user_id, allow("sts:*"))
    sessions.permit(role.role_id, allow("sts:*"))
    of_mary = sessions.principal(own(sessions, mary))
    of_role = sessions.assume(of_mary, role)
    guest = sessions.desk(mary).ask("GetFederationToken", Name="guest", Policy=document(allow("sts:*")))
    for session in (of_mary, of_role, sessions.principal(guest["Credentials"])):
        for operation, request in (("GetSessionToken", {}), ("GetFederationToken", {"Name": "x1"})):
            refusal = sessions.desk(session).refusal(operation, **request)
            assert refusal.code == "AccessDenied"
            assert refusal.message == f"Cannot call {operation} with session credentials"
        assert sessions.desk(session).ask("GetCallerIdentity")["Arn"] == session.arn
    key = sessions.installation.account.access_key_id
    assert sessions.desk(of_role).ask("GetAccessKeyInfo", AccessKeyId=key) == {"Account": ACCOUNT}
    assert sessions.desk(of_mary).refusal("GetAccessKeyInfo", AccessKeyId=key).code == "AccessDenied"


def test_a_federated_user_may_do_what_both_the_issuer_and_the_policy_allow(
    sessions: Sessions, mary: UserRow
) -> None:
    sessions.permit(mary.user_id, PULL, allow("sts:GetFederationToken"), allow("sts:TagSession"))
    policy = document(allow("codecommit:*"))
    answer = sessions.desk(mary).ask("GetFederationToken", Name="guest", Policy=policy)
    assert answer["FederatedUser"] == {
        "FederatedUserId": f"{ACCOUNT}:guest",
        "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/guest",
    }
    assert answer["PackedPolicySize"] >= 1
    guest = sessions.principal(answer["Credentials"])
    assert (guest.kind, guest.arn) == ("federated-user", answer["FederatedUser"]["Arn"])
    assert may(sessions, guest)
    assert not may(sessions, guest, "codecommit:GitPush")
    tagged = sessions.desk(mary).ask("GetFederationToken", Name="g2", Tags=[{"Key": "a", "Value": "b"}])
    assert not may(sessions, sessions.principal(tagged["Credentials"]))


def test_a_federated_user_of_root_has_the_policys_rights_alone(sessions: Sessions) -> None:
    desk = sessions.desk(root_principal())
    narrow = desk.ask("GetFederationToken", Name="guest", Policy=document(PULL), DurationSeconds=43_200)
    assert narrow["Credentials"]["Expiration"] == NOW + timedelta(hours=1)
    guest = sessions.principal(narrow["Credentials"])
    assert may(sessions, guest)
    assert not may(sessions, guest, "codecommit:GitPush")
    nothing = sessions.principal(desk.ask("GetFederationToken", Name="guest")["Credentials"])
    assert not may(sessions, nothing)


def test_a_federation_token_needs_permission_and_a_name(sessions: Sessions, mary: UserRow) -> None:
    desk = sessions.desk(mary)
    assert desk.refusal("GetFederationToken", Name="guest").code == "AccessDenied"
    sessions.permit(mary.user_id, allow("sts:GetFederationToken"))
    assert desk.ask("GetFederationToken", Name="guest")
    tags = [{"Key": "a", "Value": "b"}]
    assert desk.refusal("GetFederationToken", Name="guest", Tags=tags).code == "AccessDenied"
    assert desk.refusal("GetFederationToken", Name="g").code == "ValidationError"
    assert desk.refusal("GetFederationToken", Name="g" * 33).code == "ValidationError"


def test_sessions_end_with_their_user_or_account(sessions: Sessions, mary: UserRow) -> None:
    credentials = own(sessions, mary)
    with identities.change(sessions.installation.database, ACCOUNT) as connection:
        users.rename(connection, mary.user_id, name="maria", path="/")
    assert sessions.principal(credentials).user_name == "maria"
    of_root = own(sessions, root_principal())
    with identities.change(sessions.installation.database, ACCOUNT) as connection:
        users.remove(connection, mary.user_id)
    sessions.installation.add_user("maria")
    gone = sessions.holder(credentials)
    assert isinstance(gone, Unusable)
    assert "deleted" in gone.reason
    assert sessions.principal(of_root).kind == "root"
    with sessions.installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert isinstance(sessions.holder(of_root), Unusable)
