from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identities_at_hand import ACCOUNT, Installation, root_principal
from moorage.auth.authenticate import Authenticator, GitIdentity
from moorage.auth.last_used import LastUses
from moorage.auth.signed_request import SignedRequest
from moorage.core import sigv4
from moorage.core.clock import SystemClock
from moorage.core.faults import Fault
from moorage.storage import access_keys, accounts, identities, identity_tags, users
from moorage.storage.access_keys import LastUse, NewAccessKey
from moorage.wire.regions import Regions

HOST = "git-codecommit.us-east-2.amazonaws.com.localhost:8443"
PATH = "/v1/repos/demo"
REGIONS = Regions()


@dataclass
class Clock:
    """botocore signs with the machine's time; what tests shift is the server's."""

    shift: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.shift


@dataclass
class Door:
    installation: Installation
    clock: Clock
    authenticator: Authenticator

    def signed(
        self,
        key: str,
        secret: str,
        *,
        region: str = "us-east-1",
        service: str = "iam",
        token: str | None = None,
    ) -> SignedRequest:
        request = AWSRequest("POST", "https://localhost:8443/", data=b"Action=GetUser")
        SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
        headers = [(name.lower(), value) for name, value in request.headers.items()]
        sent = [(name.encode(), value.encode()) for name, value in (*headers, ("host", "localhost:8443"))]
        return SignedRequest.of("POST", b"/", b"", sent, b"Action=GetUser")

    def as_root(self) -> tuple[str, str]:
        return self.installation.account.access_key_id, self.installation.root_secret.reveal()

    def git(
        self,
        key: str,
        secret: str,
        *,
        host: str = HOST,
        region: str = "us-east-2",
        ago: timedelta = timedelta(),
        region_of_host: str | None = "us-east-2",
        token: str = "",
    ) -> GitIdentity:
        signed_host = host.partition(":")[0]
        now = self.clock.now() - ago
        password = sigv4.git_password(signed_host, PATH, secret=secret, region=region, now=now)
        return self.authenticator.git(basic(f"{key}{token}", password), host, PATH, region_of_host)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def door(installation: Installation) -> Door:
    clock = Clock()
    authenticator = Authenticator(
        installation.database,
        installation.root_key,
        regions=REGIONS,
        clock=clock,
        default_region="us-east-1",
    )
    return Door(installation, clock, authenticator)


def key_of(door: Door, user: users.UserRow) -> NewAccessKey:
    now_ms = 1
    with identities.change(door.installation.database, ACCOUNT) as connection:
        return access_keys.create(
            connection, door.installation.root_key, ACCOUNT, user.user_id, now_ms=now_ms
        )


def refusal_of(door: Door, request: SignedRequest, service: str = "iam", region: str | None = None) -> Fault:
    with pytest.raises(Fault) as refused:
        door.authenticator.signed(request, service, region)
    return refused.value


def test_a_request_that_root_signed_is_roots(door: Door) -> None:
    principal, region = door.authenticator.signed(door.signed(*door.as_root()), "iam", None)
    assert (principal.kind, principal.unique_id, region) == ("root", ACCOUNT, "us-east-1")
    assert principal.access_key_id == door.installation.account.access_key_id


def test_a_users_request_brings_name_path_and_tags(door: Door) -> None:
    user = door.installation.add_user("mary", path="/team/")
    key = key_of(door, user)
    with identities.change(door.installation.database, ACCOUNT) as connection:
        identity_tags.put(connection, user.user_id, {"team": "a"})
    request = door.signed(key.access_key_id, key.secret.reveal())
    principal, _ = door.authenticator.signed(request, "iam", "us-east-1")
    assert principal.arn == f"arn:aws:iam::{ACCOUNT}:user/team/mary"
    assert (principal.user_name, principal.unique_id) == ("mary", user.user_id)
    assert dict(principal.tags) == {"team": "a"}


def test_a_key_made_inactive_deleted_or_of_a_closed_account_is_refused_at_once(door: Door) -> None:
    user = door.installation.add_user("mary")
    key, other = key_of(door, user), key_of(door, user)
    database, signed = door.installation.database, door.signed
    assert door.authenticator.signed(signed(key.access_key_id, key.secret.reveal()), "iam", None)
    with identities.change(database, ACCOUNT) as connection:
        access_keys.set_status(connection, ACCOUNT, user.user_id, key.access_key_id, "Inactive")
    fault = refusal_of(door, signed(key.access_key_id, key.secret.reveal()))
    assert (fault.code, fault.detail["reason"]) == ("InvalidClientTokenId", "it is inactive")
    with identities.change(database, ACCOUNT) as connection:
        access_keys.set_status(connection, ACCOUNT, user.user_id, key.access_key_id, "Active")
    assert door.authenticator.signed(signed(key.access_key_id, key.secret.reveal()), "iam", None)
    with identities.change(database, ACCOUNT) as connection:
        access_keys.remove(connection, ACCOUNT, user.user_id, key.access_key_id)
    assert refusal_of(door, signed(key.access_key_id, key.secret.reveal())).code == "InvalidClientTokenId"
    with identities.change(database, ACCOUNT) as connection:
        users.remove(connection, user.user_id)
    assert refusal_of(door, signed(other.access_key_id, other.secret.reveal())).code == "InvalidClientTokenId"
    with database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert refusal_of(door, signed(*door.as_root())).detail["reason"] == "its account is closed"


def test_a_renamed_user_is_known_by_the_new_name_on_the_next_request(door: Door) -> None:
    user = door.installation.add_user("mary")
    key = key_of(door, user)
    request = door.signed(key.access_key_id, key.secret.reveal())
    door.authenticator.signed(request, "iam", None)
    with identities.change(door.installation.database, ACCOUNT) as connection:
        users.rename(connection, user.user_id, name="maria", path="/")
    principal, _ = door.authenticator.signed(request, "iam", None)
    assert principal.user_name == "maria"


def test_unknown_temporary_and_token_bearing_keys_are_refused(door: Door) -> None:
    key, secret = door.as_root()
    for request in (
        door.signed("AKIAUNKNOWNUNKNOWN00", secret),
        door.signed("ASIA" + key[4:], secret, token="dG9rZW4="),
        door.signed(key, secret, token="dG9rZW4="),
    ):
        fault = refusal_of(door, request)
        assert (fault.code, fault.status) == ("InvalidClientTokenId", 403)


def test_a_wrong_secret_region_service_or_time_is_a_signature_that_does_not_match(door: Door) -> None:
    key, secret = door.as_root()
    assert refusal_of(door, door.signed(key, "wrong")).code == "SignatureDoesNotMatch"
    abroad = door.signed(key, secret, region="eu-west-1")
    assert refusal_of(door, abroad, region="us-east-1").code == "SignatureDoesNotMatch"
    assert refusal_of(door, door.signed(key, secret, service="sts")).code == "SignatureDoesNotMatch"
    nowhere = door.signed(key, secret, region="mars-north-1", service="sts")
    assert refusal_of(door, nowhere, "sts").code == "SignatureDoesNotMatch"
    elsewhere = door.signed(key, secret, region="us-east-2", service="sts")
    assert refusal_of(door, elsewhere, "sts", "us-east-1").code == "SignatureDoesNotMatch"
    late = door.signed(key, secret)
    for shift in (timedelta(minutes=6), timedelta(minutes=-6)):
        door.clock.shift = shift
        assert refusal_of(door, late).code == "SignatureDoesNotMatch"


def test_iam_takes_the_configured_region_where_the_host_names_none(door: Door) -> None:
    """The AWS CLI with --endpoint-url signs for IAM with whatever region is configured."""
    request = door.signed(*door.as_root(), region="us-east-2")
    principal, region = door.authenticator.signed(request, "iam", None)
    assert (principal.kind, region) == ("root", "us-east-1")


def test_a_key_is_unknown_in_another_partition(door: Door) -> None:
    key, secret = door.as_root()
    chinese = door.signed(key, secret, region="cn-north-1")
    assert refusal_of(door, chinese).code == "InvalidClientTokenId"
    other = door.installation.add_account("999988887777", partition="aws-cn")
    request = door.signed(other.access_key_id, other.secret_access_key.reveal(), region="cn-north-1")
    principal, region = door.authenticator.signed(request, "iam", None)
    assert (principal.arn, region) == ("arn:aws-cn:iam::999988887777:root", "cn-north-1")


def test_a_git_password_names_its_signer_and_region(door: Door) -> None:
    identity = door.git(*door.as_root())
    assert identity.principal.kind == "root"
    assert (identity.region, identity.expired) == ("us-east-2", None)
    assert identity.signature_hash is not None
    assert len(identity.signature_hash) == 64


def test_on_a_host_without_region_the_signature_tells_it(door: Door) -> None:
    for region in ("us-east-1", "eu-central-1", "ap-east-1"):
        identity = door.git(*door.as_root(), host="localhost:8443", region=region, region_of_host=None)
        assert identity.region == region


def git_refusal(door: Door, key: str, secret: str, **more: Any) -> Fault:
    with pytest.raises(Fault) as refused:
        door.git(key, secret, **more)
    assert refused.value.status == 401
    return refused.value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("AKIAUNKNOWNUNKNOWN00", "not known here, or not active"),
        ("ASIAUNKNOWNUNKNOWN00", "not known here, or not active"),
        ("demo", "not known here, or not active"),
    ],
)
def test_git_is_told_of_a_key_that_is_not_known(door: Door, key: str, text: str) -> None:
    fault = git_refusal(door, key, "secret")
    assert text in fault.message
    assert key in fault.message


def test_git_is_told_of_an_inactive_key_a_wrong_secret_and_a_needless_token(door: Door) -> None:
    user = door.installation.add_user("mary")
    key = key_of(door, user)
    pair = key.access_key_id, key.secret.reveal()
    assert door.git(*pair).principal.user_name == "mary"
    assert git_refusal(door, pair[0], "wrong").code == "SignatureDoesNotMatch"
    assert "session token" in git_refusal(door, *pair, token="%dG9rZW4=").message
    with identities.change(door.installation.database, ACCOUNT) as connection:
        access_keys.set_status(connection, ACCOUNT, user.user_id, pair[0], "Inactive")
    assert "it is inactive" in git_refusal(door, *pair).message
    # Who does not hold the secret is not told that such a key exists.
    assert "not known here, or not active" in git_refusal(door, pair[0], "wrong").message


def test_an_expired_password_is_told_apart_only_when_its_signature_is_true(door: Door) -> None:
    key, secret = door.as_root()
    old = door.git(key, secret, ago=timedelta(minutes=17))
    assert old.expired is not None
    assert (old.expired.code, old.expired.status) == ("ExpiredToken", 401)
    assert "17 min ago" in old.expired.message
    assert git_refusal(door, key, "wrong", ago=timedelta(minutes=17)).code == "SignatureDoesNotMatch"
    assert "ahead" in git_refusal(door, key, secret, ago=timedelta(minutes=-17)).message


def test_a_host_of_a_region_not_served_or_of_another_partition_is_refused(door: Door) -> None:
    key, secret = door.as_root()
    for region in ("mars-north-1", "cn-north-1"):
        fault = git_refusal(door, key, secret, region=region, region_of_host=region)
        assert region in fault.message


def test_a_password_for_another_repository_is_refused(door: Door) -> None:
    key, secret = door.as_root()
    now = door.clock.now()
    password = sigv4.git_password("localhost", PATH, secret=secret, region="us-east-1", now=now)
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        door.authenticator.git(basic(key, password), "localhost", "/v1/repos/other", None)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer x",
        "Basic",
        "Basic !!",
        basic("demo", ""),
        basic("demo", "guess"),
        "Basic " + "A" * 70_000,
    ],
)
def test_what_is_no_git_password_is_a_401_with_a_reason(door: Door, authorization: str | None) -> None:
    with pytest.raises(Fault) as refused:
        door.authenticator.git(authorization, HOST, PATH, "us-east-2")
    assert refused.value.status == 401
    assert refused.value.message


@pytest.mark.parametrize(
    "key", ["", "AKIA\0IOSFODNN7EXAMPLE", "AKIA\udcffIOSFODNN7EXAMPLE", "A" * 5000, "ключ" * 5]
)
def test_a_key_id_no_database_could_hold_is_refused_like_any_unknown_one(door: Door, key: str) -> None:
    signature = f"{key}:20260101T000000Z{'0' * 64}".encode("utf-8", "surrogateescape")
    header = "Basic " + base64.b64encode(signature).decode()
    with pytest.raises(Fault) as refused:
        door.authenticator.git(header, HOST, PATH, "us-east-2")
    assert refused.value.status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(user=st.text(max_size=40), password=st.text(max_size=100))
def test_no_user_name_or_password_breaks_the_door(door: Door, user: str, password: str) -> None:
    header = "Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass")).decode()
    with pytest.raises(Fault) as refused:
        door.authenticator.git(header, HOST, PATH, None)
    assert refused.value.status == 401


def test_uses_of_a_key_are_written_once_a_minute_and_the_newest_wins(installation: Installation) -> None:
    uses, key = LastUses(installation.database), installation.account.access_key_id
    root = replace(root_principal(), access_key_id=key)
    for at_ms in (100_000, 100_500):
        uses.note(root, LastUse(at_ms, "iam", "us-east-1"))
    uses.flush()
    uses.note(root, LastUse(110_000, "iam", "us-east-1"))
    uses.flush()
    with installation.database.read() as connection:
        row = access_keys.find(connection, key)
    assert row is not None
    assert row.last_used_at_ms == 100_500
    uses.note(root, LastUse(200_000, "codecommit", "us-east-2"))
    uses.flush()
    with installation.database.read() as connection:
        row = access_keys.find(connection, key)
    assert row is not None
    assert (row.last_used_at_ms, row.last_used_service) == (200_000, "codecommit")
