from __future__ import annotations

import base64

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Installation
from moorage.auth.authenticate import Authenticator
from moorage.core.clock import SystemClock
from moorage.core.faults import Fault
from moorage.core.secrets import Secret
from moorage.crypto.root_key import RootKey
from moorage.storage import accounts, identities, identity_tags, service_credentials
from moorage.storage.service_credentials import CredentialRow
from moorage.storage.users import UserRow
from moorage.wire.regions import Regions

SERVICE = "codecommit.amazonaws.com"
HOST = "localhost:8443"
PATH = "/v1/repos/demo"


def authenticator(
    installation: Installation, root_key: RootKey | None = None, default_region: str = "us-east-2"
) -> Authenticator:
    return Authenticator(
        installation.database,
        root_key or installation.root_key,
        regions=Regions(),
        clock=SystemClock(),
        default_region=default_region,
    )


@pytest.fixture
def mary(installation: Installation) -> UserRow:
    return installation.add_user("mary", "/team/")


@pytest.fixture
def credential(installation: Installation, mary: UserRow) -> tuple[CredentialRow, Secret]:
    with identities.change(installation.database, ACCOUNT) as connection:
        return service_credentials.create(
            connection, installation.root_key, mary, service=SERVICE, now_ms=NOW_MS
        )


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refusal(door: Authenticator, user: str, password: str, region_of_host: str | None = None) -> Fault:
    with pytest.raises(Fault) as refused:
        door.git(basic(user, password), HOST, PATH, region_of_host)
    assert refused.value.status == 401
    return refused.value


def test_it_signs_its_user_in_with_tags_and_does_not_expire(
    installation: Installation, mary: UserRow, credential: tuple[CredentialRow, Secret]
) -> None:
    with identities.change(installation.database, ACCOUNT) as connection:
        identity_tags.put(connection, mary.user_id, {"team": "a"})
    row, password = credential
    found = authenticator(installation).git(basic(row.user_name, password.reveal()), HOST, PATH, None)
    assert found.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/team/mary"
    assert (found.principal.kind, found.principal.unique_id) == ("user", mary.user_id)
    assert dict(found.principal.tags) == {"team": "a"}
    assert found.principal.access_key_id is None
    assert (found.region, found.signature_hash, found.expired) == ("us-east-2", None, None)


def test_a_host_names_the_region_and_may_not_name_a_foreign_one(
    installation: Installation, credential: tuple[CredentialRow, Secret]
) -> None:
    row, password = credential
    door = authenticator(installation)
    login = basic(row.user_name, password.reveal())
    assert door.git(login, HOST, PATH, "eu-west-1").region == "eu-west-1"
    for foreign in ("cn-north-1", "nowhere-1"):
        fault = refusal(door, row.user_name, password.reveal(), foreign)
        assert "is not served here for the account" in fault.message


def test_without_a_region_an_account_of_another_partition_gets_that_partitions_own(
    installation: Installation, credential: tuple[CredentialRow, Secret]
) -> None:
    row, password = credential
    door = authenticator(installation, default_region="cn-north-1")
    assert door.git(basic(row.user_name, password.reveal()), HOST, PATH, None).region == "us-east-1"


def test_only_who_has_the_password_hears_that_it_is_inactive(
    installation: Installation, mary: UserRow, credential: tuple[CredentialRow, Secret]
) -> None:
    row, password = credential
    door = authenticator(installation)
    with identities.change(installation.database, ACCOUNT) as connection:
        service_credentials.set_status(connection, mary.user_id, row.credential_id, "Inactive")
    assert "is refused: it is inactive" in refusal(door, row.user_name, password.reveal()).message
    guessed = refusal(door, row.user_name, "x" * 44).message
    assert guessed == refusal(door, "nobody-at-1", "x" * 44).message
    assert "inactive" not in guessed


def test_a_reset_bites_on_the_next_request(
    installation: Installation, credential: tuple[CredentialRow, Secret]
) -> None:
    row, old = credential
    door = authenticator(installation)
    door.git(basic(row.user_name, old.reveal()), HOST, PATH, None)
    new = service_credentials.new_password()
    with identities.change(installation.database, ACCOUNT) as connection:
        service_credentials.set_password(connection, installation.root_key, row.credential_id, new)
    door.git(basic(row.user_name, new.reveal()), HOST, PATH, None)
    assert "not known here" in refusal(door, row.user_name, old.reveal()).message


def test_a_closed_account_and_a_deleted_user_are_refused(
    installation: Installation, credential: tuple[CredentialRow, Secret]
) -> None:
    row, password = credential
    door = authenticator(installation)
    with installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert "its account is closed" in refusal(door, row.user_name, password.reveal()).message


@pytest.mark.parametrize("user", ["", "x" * 5000, "näme", "a\nb", "mary%token"])
def test_odd_user_names_are_unknown(installation: Installation, user: str) -> None:
    assert "not known here" in refusal(authenticator(installation), user, "x" * 44).message


def test_after_a_rotation_the_next_login_moves_the_password_to_the_new_root_key(
    installation: Installation, credential: tuple[CredentialRow, Secret]
) -> None:
    row, password = credential
    rotated = installation.root_key.rotated()
    authenticator(installation, rotated).git(basic(row.user_name, password.reveal()), HOST, PATH, None)
    with installation.database.read() as connection:
        stored = service_credentials.stored(connection, row.user_name)
    assert stored is not None
    assert stored.hash_key_id == rotated.key_id
    without_the_old = RootKey.parse(rotated.render().splitlines()[0])
    authenticator(installation, without_the_old).git(
        basic(row.user_name, password.reveal()), HOST, PATH, None
    )
    # The old root key alone no longer opens it, and says no more than of any unknown name.
    assert "not known here" in refusal(authenticator(installation), row.user_name, password.reveal()).message
