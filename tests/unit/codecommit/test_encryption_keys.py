from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from kms_at_hand import DELEGATED, OTHER_ROOT, KmsDesk, allow, deny, policy, to
from moorage.core.faults import Fault
from moorage.keys import rotations
from moorage.keys.key_policy import ACTIONS
from moorage.storage import tables
from repositories_at_hand import OTHER_ACCOUNT, Desk

ALL_OF_IT = (*ACTIONS, "codecommit:*")


def keys_of(desk: Desk) -> KmsDesk:
    return KmsDesk(desk, desk.call)


def refusal(desk: Desk, operation: str, **request: Any) -> str:
    with pytest.raises(Fault) as refused:
        desk.ask(operation, **request)
    return refused.value.code


def test_a_repository_is_made_under_a_key_named_in_any_way(desk: Desk) -> None:
    keys = keys_of(desk)
    key = keys.ask("CreateKey")["KeyMetadata"]
    keys.ask("CreateAlias", AliasName="alias/team", TargetKeyId=key["KeyId"])
    names = (key["KeyId"], key["Arn"], "alias/team", key["Arn"].partition(":key/")[0] + ":alias/team")
    for number, name in enumerate(names):
        assert desk.repository(f"demo{number}", kmsKeyId=name)["kmsKeyId"] == key["Arn"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}, "EncryptionKeyInvalidUsageException"),
        ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "EncryptionKeyInvalidUsageException"),
    ],
)
def test_a_key_of_another_kind_encrypts_no_repository(desk: Desk, more: dict[str, Any], code: str) -> None:
    key_id = keys_of(desk).key(**more)
    assert refusal(desk, "CreateRepository", repositoryName="a", kmsKeyId=key_id) == code
    desk.repository("demo")
    assert refusal(desk, "UpdateRepositoryEncryptionKey", repositoryName="demo", kmsKeyId=key_id) == code


def test_a_key_that_is_not_there_disabled_or_leaving_is_told_by_name(desk: Desk) -> None:
    keys = keys_of(desk)
    key_id = keys.key()

    def made(name: str, key: str = key_id) -> str:
        return refusal(desk, "CreateRepository", repositoryName=name, kmsKeyId=key)

    assert made("a", "alias/none") == "EncryptionKeyNotFoundException"
    assert made("a", "what?") == "EncryptionKeyInvalidIdException"
    keys.ask("DisableKey", KeyId=key_id)
    assert made("a") == "EncryptionKeyDisabledException"
    keys.ask("ScheduleKeyDeletion", KeyId=key_id)
    assert made("a") == "EncryptionKeyUnavailableException"
    assert desk.ask("ListRepositories")["repositories"] == []


@pytest.mark.parametrize("lacking", ACTIONS)
def test_the_caller_needs_every_action_on_a_customers_key(desk: Desk, lacking: str) -> None:
    key_id = keys_of(desk).key()
    some = desk.of_user("some", allow(*(action for action in ALL_OF_IT if action != lacking)))
    assert (
        refusal(some, "CreateRepository", repositoryName="a", kmsKeyId=key_id)
        == "EncryptionKeyAccessDeniedException"
    )
    desk.of_user("whole", allow(*ALL_OF_IT)).repository("a", kmsKeyId=key_id)


def test_a_repository_moves_to_another_key_and_keeps_its_contents(desk: Desk, tmp_path: Path) -> None:
    keys = keys_of(desk)
    made = desk.repository("demo")
    (commit, *_) = desk.fill("demo", tmp_path / "pack", {"main": 0})
    data_key = desk.open("demo").data_key.serialize()
    arn = keys.ask("CreateKey")["KeyMetadata"]["Arn"]
    answer = desk.ask("UpdateRepositoryEncryptionKey", repositoryName="demo", kmsKeyId=arn)
    assert answer == {
        "repositoryId": made["repositoryId"],
        "kmsKeyId": arn,
        "originalKmsKeyId": made["kmsKeyId"],
    }
    assert desk.ask("GetRepository", repositoryName="demo")["repositoryMetadata"]["kmsKeyId"] == arn
    assert desk.open("demo").data_key.serialize() == data_key
    assert desk.open("demo").has_commit(commit)
    keys.ask("DisableKey", KeyId=arn)
    assert refusal(desk, "GetBranch", repositoryName="demo", branchName="main") == (
        "EncryptionKeyDisabledException"
    )
    assert refusal(desk, "UpdateRepositoryEncryptionKey", repositoryName="demo", kmsKeyId=keys.key()) == (
        "EncryptionKeyDisabledException"
    )


def test_a_move_takes_rights_on_both_keys(desk: Desk) -> None:
    keys = keys_of(desk)
    one, two = keys.key(), keys.key()
    desk.repository("demo", kmsKeyId=one)
    for number, key in enumerate((one, two)):
        blocked = {"Resource": f"arn:aws:kms:us-east-2:{desk.caller.account_id}:key/{key}"}
        user = desk.of_user(f"user{number}", allow("*"), deny("kms:Decrypt") | blocked)
        assert refusal(user, "UpdateRepositoryEncryptionKey", repositoryName="demo", kmsKeyId=two) == (
            "EncryptionKeyAccessDeniedException"
        )


def test_rotations_of_its_key_leave_a_repository_readable(desk: Desk, tmp_path: Path) -> None:
    keys = keys_of(desk)
    key_id = keys.key()
    desk.repository("demo", kmsKeyId=key_id)
    (commit, *_) = desk.fill("demo", tmp_path / "pack", {"main": 0})
    keys.ask("RotateKeyOnDemand", KeyId=key_id)
    desk.call.keyring._unwrapped._entries.clear()
    assert desk.open("demo").has_commit(commit)
    desk.ask("UpdateRepositoryEncryptionKey", repositoryName="demo", kmsKeyId=key_id)
    assert desk.open("demo").has_commit(commit)


def test_a_grant_of_the_key_is_enough_for_its_repository_alone(desk: Desk) -> None:
    keys = keys_of(desk)
    key_id = keys.key()
    desk.repository("other", kmsKeyId=key_id)
    made = desk.repository("demo", kmsKeyId=key_id)
    user = desk.of_user("mary", allow("codecommit:*"))
    assert refusal(user, "GetRepository", repositoryName="demo") == "EncryptionKeyAccessDeniedException"
    operations = [action.removeprefix("kms:") for action in ACTIONS]
    keys.ask(
        "CreateGrant",
        KeyId=key_id,
        GranteePrincipal=str(user.caller.principal.arn),
        Operations=operations,
        Constraints={"EncryptionContextEquals": {"aws:codecommit:id": made["repositoryId"]}},
    )
    user.ask("GetRepository", repositoryName="demo")
    assert refusal(user, "GetRepository", repositoryName="other") == "EncryptionKeyAccessDeniedException"


def test_another_accounts_key_may_be_used_where_both_sides_allow(desk: Desk) -> None:
    keys = keys_of(desk)
    arn = keys.ask("CreateKey")["KeyMetadata"]["Arn"]
    desk.installation.add_account(OTHER_ACCOUNT)
    theirs = desk.of_account(OTHER_ACCOUNT)
    assert refusal(theirs, "CreateRepository", repositoryName="a", kmsKeyId=arn) == (
        "EncryptionKeyAccessDeniedException"
    )
    keys.ask("PutKeyPolicy", KeyId=arn, Policy=policy(DELEGATED, allow(*ACTIONS, **to(OTHER_ROOT))))
    assert theirs.repository("a", kmsKeyId=arn)["kmsKeyId"] == arn
    keys.ask("PutKeyPolicy", KeyId=arn, Policy=policy(DELEGATED))
    assert refusal(theirs, "GetRepository", repositoryName="a") == "EncryptionKeyAccessDeniedException"


def test_a_batch_tells_beside_each_repository_what_is_wrong_with_its_key(desk: Desk) -> None:
    keys = keys_of(desk)
    disabled, gone = keys.key(), keys.key()
    desk.repository("good")
    desk.repository("bad", kmsKeyId=disabled)
    desk.repository("worse", kmsKeyId=gone)
    keys.ask("DisableKey", KeyId=disabled)
    keys.ask("ScheduleKeyDeletion", KeyId=gone)
    answer = desk.ask("BatchGetRepositories", repositoryNames=["good", "bad", "worse", "none"])
    assert [found["repositoryName"] for found in answer["repositories"]] == ["good"]
    assert answer["repositoriesNotFound"] == ["none"]
    assert {error["repositoryName"]: error["errorCode"] for error in answer["errors"]} == {
        "bad": "EncryptionKeyDisabledException",
        "worse": "EncryptionKeyUnavailableException",
    }
    assert json.dumps(answer["errors"]).count(disabled) == 1


def test_a_key_of_another_account_is_told_from_none_by_nobody(desk: Desk) -> None:
    keys = keys_of(desk)
    made = keys.ask("CreateKey", Tags=[{"TagKey": "Team", "TagValue": "secret"}])["KeyMetadata"]
    asymmetric = keys.ask("CreateKey", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    keys.ask("CreateAlias", AliasName="alias/secret", TargetKeyId=made["KeyId"])
    desk.installation.add_account(OTHER_ACCOUNT)
    theirs = desk.of_account(OTHER_ACCOUNT)
    theirs.repository("mine")
    there = made["Arn"].partition("key/")[0]
    told = []
    for name in (
        made["Arn"],
        asymmetric["Arn"],
        f"{there}alias/secret",
        f"{there}alias/none",
        f"{there}key/{'0' * 8}-0000-0000-0000-{'0' * 12}",
    ):
        for operation in ("CreateRepository", "UpdateRepositoryEncryptionKey"):
            with pytest.raises(Fault) as refused:
                theirs.ask(
                    operation, repositoryName="mine" if operation.startswith("U") else "a", kmsKeyId=name
                )
            told.append((refused.value.code, refused.value.message, dict(refused.value.detail)))
    assert told[0][0] == "EncryptionKeyAccessDeniedException"
    assert all(each == told[0] for each in told)


def test_a_repository_whose_key_was_deleted_says_so_and_nobody_reads_it(desk: Desk) -> None:
    keys = keys_of(desk)
    key_id = keys.key()
    desk.repository("demo", kmsKeyId=key_id)
    keys.ask("ScheduleKeyDeletion", KeyId=key_id)
    with desk.call.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(deletion_at_ms=1))
    assert rotations.run_due(desk.call.database, desk.call.root_key) == (0, 1)
    assert refusal(desk, "GetRepository", repositoryName="demo") == "EncryptionKeyNotFoundException"
    assert refusal(desk, "CreateRepository", repositoryName="new", kmsKeyId=key_id) == (
        "EncryptionKeyNotFoundException"
    )
    assert keys.refusal("DescribeKey", KeyId=key_id).code == "NotFoundException"
    assert [pair["repositoryName"] for pair in desk.ask("ListRepositories")["repositories"]] == ["demo"]
    # Nothing of it can be read any more: its name and its blobs need not be kept for ever.
    assert desk.ask("DeleteRepository", repositoryName="demo")["repositoryId"]
    assert desk.ask("ListRepositories")["repositories"] == []
