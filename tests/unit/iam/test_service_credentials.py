from __future__ import annotations

import re

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.core.secrets import Secret
from moorage.services.iam import iam
from moorage.storage import service_credentials

SERVICE = "codecommit.amazonaws.com"
OWN = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*ServiceSpecificCredential*",'
    ' "Resource": "arn:aws:iam::*:user/${aws:username}"}]}'
)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(root: Desk, installation: Installation) -> Desk:
    user = installation.add_user("mary")
    root.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=OWN)
    return Desk(installation, iam, user_principal(user))


def made(desk: Desk, user: str = "mary") -> dict[str, str]:
    answer = desk.ask("CreateServiceSpecificCredential", UserName=user, ServiceName=SERVICE)
    credential: dict[str, str] = answer["ServiceSpecificCredential"]
    return credential


def test_a_new_credential_is_shown_with_its_password_once(mary: Desk) -> None:
    credential = made(mary)
    assert re.fullmatch(r"[A-Za-z0-9._]{44}", credential["ServicePassword"])
    assert re.fullmatch(r"ACCA[A-Z2-7]{16}", credential["ServiceSpecificCredentialId"])
    assert credential["ServiceUserName"] == f"mary-at-{ACCOUNT}"
    assert (credential["Status"], credential["ServiceName"]) == ("Active", SERVICE)
    listed = mary.ask("ListServiceSpecificCredentials", ServiceName=SERVICE)["ServiceSpecificCredentials"]
    assert listed == [{name: value for name, value in credential.items() if name != "ServicePassword"}]


def test_nothing_of_a_password_is_kept_in_clear(mary: Desk, installation: Installation) -> None:
    password = made(mary)["ServicePassword"]
    with installation.database.read() as connection:
        dump = "\n".join(
            repr(row) for row in connection.exec_driver_sql("SELECT * FROM service_credentials").all()
        )
    assert password not in dump
    assert "mary-at" in dump


def test_the_second_has_the_next_name_and_the_third_is_refused(mary: Desk) -> None:
    names = [made(mary)["ServiceUserName"] for _ in range(2)]
    assert names == [f"mary-at-{ACCOUNT}", f"mary+1-at-{ACCOUNT}"]
    fault = mary.refusal("CreateServiceSpecificCredential", UserName="mary", ServiceName=SERVICE)
    assert (fault.code, fault.status) == ("LimitExceeded", 409)


def test_a_name_that_another_users_credential_took_is_passed_over(
    root: Desk, mary: Desk, installation: Installation
) -> None:
    installation.add_user("mary+1")
    assert made(root, "mary+1")["ServiceUserName"] == f"mary+1-at-{ACCOUNT}"
    assert [made(mary)["ServiceUserName"] for _ in range(2)] == [
        f"mary-at-{ACCOUNT}",
        f"mary+2-at-{ACCOUNT}",
    ]


def test_other_services_are_not_supported(mary: Desk) -> None:
    fault = mary.refusal(
        "CreateServiceSpecificCredential", UserName="mary", ServiceName="cassandra.amazonaws.com"
    )
    assert (fault.code, fault.status) == ("NotSupportedService", 404)
    fault = mary.refusal("ListServiceSpecificCredentials", ServiceName="bedrock.amazonaws.com")
    assert fault.code == "NotSupportedService"


def test_a_reset_gives_another_password_and_the_rest_stays(mary: Desk) -> None:
    before = made(mary)
    key = before["ServiceSpecificCredentialId"]
    after = mary.ask("ResetServiceSpecificCredential", ServiceSpecificCredentialId=key)[
        "ServiceSpecificCredential"
    ]
    assert after.pop("ServicePassword") != before.pop("ServicePassword")
    assert after == before


def test_it_is_switched_off_and_deleted(mary: Desk) -> None:
    key = made(mary)["ServiceSpecificCredentialId"]
    mary.ask("UpdateServiceSpecificCredential", ServiceSpecificCredentialId=key, Status="Inactive")
    assert [
        row["Status"] for row in mary.ask("ListServiceSpecificCredentials")["ServiceSpecificCredentials"]
    ] == ["Inactive"]
    mary.ask("DeleteServiceSpecificCredential", ServiceSpecificCredentialId=key)
    assert mary.ask("ListServiceSpecificCredentials")["ServiceSpecificCredentials"] == []
    for operation in ("DeleteServiceSpecificCredential", "ResetServiceSpecificCredential"):
        assert mary.refusal(operation, ServiceSpecificCredentialId=key).code == "NoSuchEntity"
    fault = mary.refusal("UpdateServiceSpecificCredential", ServiceSpecificCredentialId=key, Status="Expired")
    assert fault.code == "InvalidInput"


def test_every_change_raises_the_accounts_revision(mary: Desk, installation: Installation) -> None:
    key = made(mary)["ServiceSpecificCredentialId"]
    before = installation.revision()
    mary.ask("ResetServiceSpecificCredential", ServiceSpecificCredentialId=key)
    mary.ask("UpdateServiceSpecificCredential", ServiceSpecificCredentialId=key, Status="Inactive")
    mary.ask("DeleteServiceSpecificCredential", ServiceSpecificCredentialId=key)
    assert installation.revision() == before + 3


def test_those_of_another_user_cannot_be_touched(root: Desk, mary: Desk, installation: Installation) -> None:
    installation.add_user("bob")
    key = made(root, "bob")["ServiceSpecificCredentialId"]
    assert (
        mary.refusal("ListServiceSpecificCredentials", UserName="bob").code
        == mary.refusal("ListServiceSpecificCredentials", AllUsers=True).code
        == "AccessDenied"
    )
    fault = mary.refusal("ResetServiceSpecificCredential", ServiceSpecificCredentialId=key)
    assert fault.code == "NoSuchEntity"


def test_a_root_user_has_none_and_may_list_everyones(root: Desk, mary: Desk) -> None:
    made(mary)
    assert root.refusal("ListServiceSpecificCredentials").code == "InvalidInput"
    listed = root.ask("ListServiceSpecificCredentials", AllUsers=True)["ServiceSpecificCredentials"]
    assert [row["UserName"] for row in listed] == ["mary"]
    fault = root.refusal("ListServiceSpecificCredentials", AllUsers=True, UserName="mary")
    assert fault.code == "InvalidInput"


def test_a_user_is_deleted_only_without_them(root: Desk, mary: Desk) -> None:
    key = made(mary)["ServiceSpecificCredentialId"]
    root.ask("DeleteUserPolicy", UserName="mary", PolicyName="own")
    assert root.refusal("DeleteUser", UserName="mary").code == "DeleteConflict"
    root.ask("DeleteServiceSpecificCredential", UserName="mary", ServiceSpecificCredentialId=key)
    root.ask("DeleteUser", UserName="mary")


def test_a_hash_is_worth_nothing_in_another_row(mary: Desk, installation: Installation) -> None:
    root_key, password = installation.root_key, Secret("p" * 44)
    hashes = {
        service_credentials.hash_of(root_key, root_key.key_id, row, password) for row in ("ACCA1", "ACCA2")
    }
    assert len(hashes) == 2
