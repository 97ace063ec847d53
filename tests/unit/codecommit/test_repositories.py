"""Handlers of repositories and tags, against a real database."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import insert, select

from identities_at_hand import ACCOUNT
from moorage.core.faults import Fault
from moorage.services.codecommit import codecommit
from moorage.storage import tables
from repositories_at_hand import OTHER_ACCOUNT, REGION, Desk

KEY_STATES = [
    ("Disabled", "EncryptionKeyDisabledException"),
    ("PendingDeletion", "EncryptionKeyUnavailableException"),
]


def allow(action: str | list[str], resource: str = "*", **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_one_name_in_two_regions_and_two_accounts_is_four_repositories(desk: Desk) -> None:
    desk.installation.add_account(OTHER_ACCOUNT)
    desks = [
        account.in_region(region)
        for account in (desk, desk.of_account(OTHER_ACCOUNT))
        for region in ("us-east-2", "eu-west-1")
    ]
    made = [each.repository("same") for each in desks]
    assert len({metadata["repositoryId"] for metadata in made}) == 4
    assert len({metadata["kmsKeyId"] for metadata in made}) == 4
    assert {metadata["Arn"] for metadata in made} == {
        f"arn:aws:codecommit:{region}:{account}:same"
        for account in (ACCOUNT, OTHER_ACCOUNT)
        for region in ("us-east-2", "eu-west-1")
    }
    desks[0].ask("DeleteRepository", repositoryName="same")
    for each, metadata in zip(desks[1:], made[1:], strict=True):
        assert each.ask("GetRepository", repositoryName="same")["repositoryMetadata"] == metadata
    with pytest.raises(Fault, match="RepositoryDoesNotExistException"):
        desks[0].ask("GetRepository", repositoryName="same")


def test_regions_of_china_have_their_own_partition(desk: Desk) -> None:
    desk.installation.add_account(OTHER_ACCOUNT, "aws-cn")
    made = desk.in_region("cn-north-1").of_account(OTHER_ACCOUNT).repository("demo")
    assert made["Arn"] == f"arn:aws-cn:codecommit:cn-north-1:{OTHER_ACCOUNT}:demo"
    assert made["kmsKeyId"].startswith(f"arn:aws-cn:kms:cn-north-1:{OTHER_ACCOUNT}:key/")


def test_the_default_key_can_be_named_in_every_form(desk: Desk) -> None:
    alias_arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/codecommit"
    made = [
        desk.repository("one", kmsKeyId="alias/aws/codecommit"),  # also before the key was made
        desk.repository("two", kmsKeyId=alias_arn),
    ]
    key_arn = made[0]["kmsKeyId"]
    made.append(desk.repository("three", kmsKeyId=key_arn))
    made.append(desk.repository("four", kmsKeyId=key_arn.partition("key/")[2]))
    assert {metadata["kmsKeyId"] for metadata in made} == {key_arn}


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("alias/own", "EncryptionKeyNotFoundException"),
        (str(uuid.UUID(int=1)), "EncryptionKeyNotFoundException"),
        # As for a key that is there: nobody is told which.
        (f"arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:alias/aws/codecommit", "EncryptionKeyAccessDeniedException"),
        ("arn:aws:kms:eu-west-1:111122223333:alias/aws/codecommit", "EncryptionKeyInvalidIdException"),
        ("no key", "EncryptionKeyInvalidIdException"),
        ("", "EncryptionKeyInvalidIdException"),
    ],
)
def test_any_other_key_is_refused_by_the_modelled_error(desk: Desk, key: str, error: str) -> None:
    with pytest.raises(Fault, match=error):
        desk.repository("demo", kmsKeyId=key)
    assert desk.ask("ListRepositories")["repositories"] == []


@pytest.mark.parametrize(("state", "error"), KEY_STATES)
@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("GetRepository", {}),
        ("DeleteRepository", {}),
        ("UpdateRepositoryDescription", {"repositoryDescription": "new"}),
        ("ListBranches", {}),
        ("GetBranch", {"branchName": "main"}),
        ("CreateBranch", {"branchName": "main", "commitId": "0" * 40}),
        ("DeleteBranch", {"branchName": "main"}),
        ("UpdateDefaultBranch", {"defaultBranchName": "main"}),
        ("GetCommit", {"commitId": "0" * 40}),
        ("BatchGetCommits", {"commitIds": ["0" * 40]}),
    ],
)
def test_a_key_out_of_use_stops_what_reads_or_changes_a_repository(
    desk: Desk, state: str, error: str, operation: str, more: dict[str, object]
) -> None:
    desk.repository("demo")
    desk.set_key_state(state)
    with pytest.raises(Fault, match=error):
        desk.ask(operation, repositoryName="demo", **more)
    desk.set_key_state("Enabled")
    assert (
        "repositoryDescription" not in desk.ask("GetRepository", repositoryName="demo")["repositoryMetadata"]
    )


@pytest.mark.parametrize(("state", "error"), KEY_STATES)
def test_a_key_out_of_use_stops_creating_and_is_told_beside_each_name_of_a_batch(
    desk: Desk, state: str, error: str
) -> None:
    made = desk.repository("demo")
    desk.set_key_state(state)
    with pytest.raises(Fault, match=error):
        desk.repository("other")
    answer = desk.ask("BatchGetRepositories", repositoryNames=["demo", "other"])
    assert answer["repositoriesNotFound"] == ["other"]
    (told,) = answer["errors"]
    assert (told["repositoryId"], told["repositoryName"]) == (made["repositoryId"], "demo")
    assert told["errorCode"] == error


def test_lists_names_and_tags_need_no_key(desk: Desk) -> None:
    arn = desk.repository("demo", tags={"a": "1"})["Arn"]
    desk.set_key_state("Disabled")
    desk.ask("TagResource", resourceArn=arn, tags={"b": "2"})
    desk.ask("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert desk.ask("ListTagsForResource", resourceArn=arn)["tags"] == {"b": "2"}
    desk.ask("UpdateRepositoryName", oldName="demo", newName="other")
    assert [found["repositoryName"] for found in desk.ask("ListRepositories")["repositories"]] == ["other"]


def test_an_account_at_its_limit_of_repositories_makes_no_more(desk: Desk) -> None:
    desk.repository("first")
    with desk.installation.database.write() as connection:
        template = dict(connection.execute(select(tables.repositories)).mappings().one())
        rows = [template | {"repository_id": str(uuid.uuid4()), "name": f"r{n}"} for n in range(24_999)]
        connection.execute(insert(tables.repositories), rows)
    with pytest.raises(Fault, match="RepositoryLimitExceededException"):
        desk.repository("last")
    desk.in_region("eu-west-1").repository("elsewhere")


def test_pages_of_repositories_join_to_the_whole_list_in_every_order(desk: Desk) -> None:
    desk.repository("r0000")
    with desk.installation.database.write() as connection:
        template = dict(connection.execute(select(tables.repositories)).mappings().one())
        rows = [
            template
            | {"repository_id": str(uuid.uuid4()), "name": f"r{n:04}", "modified_at_ms": 10_000 - n % 7}
            for n in range(1, 2_500)
        ]
        connection.execute(insert(tables.repositories), rows)
    for asked in ({}, {"order": "descending"}, {"sortBy": "lastModifiedDate"}):
        names: list[str] = []
        sizes: list[int] = []
        token: dict[str, str] = {}
        while True:
            answer = desk.ask("ListRepositories", **asked, **token)
            sizes.append(len(answer["repositories"]))
            names += [found["repositoryName"] for found in answer["repositories"]]
            if "nextToken" not in answer:
                break
            token = {"nextToken": answer["nextToken"]}
        assert sizes == [1_000, 1_000, 500]
        assert len(set(names)) == 2_500
        first = desk.ask("ListRepositories", **asked)["nextToken"]
        with pytest.raises(Fault, match="InvalidContinuationTokenException"):
            desk.in_region("eu-west-1").ask("ListRepositories", **asked, nextToken=first)
        if "sortBy" not in asked:
            assert names == sorted(names, reverse="order" in asked)


def test_no_right_hides_whether_a_repository_exists(desk: Desk) -> None:
    desk.repository("there")
    stranger = desk.of_user("stranger")
    said = []
    for name in ("there", "not-there"):
        with pytest.raises(Fault) as caught:
            stranger.ask("GetRepository", repositoryName=name)
        said.append((caught.value.code, caught.value.message.replace(name, "NAME")))
    assert said[0] == said[1]
    assert said[0][0] == "AccessDenied"


def test_renaming_needs_the_right_under_both_names(desk: Desk) -> None:
    arn = desk.repository("old")["Arn"]
    other = arn.replace(":old", ":new")
    for number, allowed in enumerate((arn, other)):
        half = desk.of_user(f"half{number}", allow("codecommit:UpdateRepositoryName", allowed))
        with pytest.raises(Fault, match="AccessDenied"):
            half.ask("UpdateRepositoryName", oldName="old", newName="new")
    both = desk.of_user("both", allow("codecommit:UpdateRepositoryName", arn), allow("codecommit:*", other))
    both.ask("UpdateRepositoryName", oldName="old", newName="new")


def test_an_arn_of_another_account_never_reaches_the_callers_repository_of_that_name(desk: Desk) -> None:
    desk.installation.add_account(OTHER_ACCOUNT)
    arn = desk.repository("same", tags={"a": "1"})["Arn"]
    theirs = arn.replace(ACCOUNT, OTHER_ACCOUNT)
    for operation, more in (
        ("ListTagsForResource", {}),
        ("TagResource", {"tags": {"b": "2"}}),
        ("UntagResource", {"tagKeys": ["a"]}),
    ):
        with pytest.raises(Fault, match=r"AccessDenied|RepositoryDoesNotExistException"):
            desk.ask(operation, resourceArn=theirs, **more)
        with pytest.raises(Fault, match="RepositoryDoesNotExistException"):  # nor past the gate
            codecommit.operations[operation].handle(desk.call, {"resourceArn": theirs, **more})
        for target in codecommit.operations[operation].targets(desk.call, {"resourceArn": theirs, **more}):
            assert not [key for key in target.context if "ResourceTag" in key]
    assert desk.ask("ListTagsForResource", resourceArn=arn)["tags"] == {"a": "1"}


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "demo",
        f"arn:aws:codecommit:{REGION}:{ACCOUNT}",
        f"arn:aws:codecommit:eu-west-1:{ACCOUNT}:demo",
        f"arn:aws-cn:codecommit:{REGION}:{ACCOUNT}:demo",
        f"arn:aws:iam:{REGION}:{ACCOUNT}:demo",
        f"arn:aws:codecommit:{REGION}:12345:demo",
        f"arn:aws:codecommit:{REGION}::demo",
        f"arn:aws:codecommit:{REGION}:١٢٣٤٥٦٧٨٩٠١٢:demo",
    ],
)
def test_an_arn_that_is_none_of_this_regions_repositories_is_refused(desk: Desk, arn: str) -> None:
    desk.repository("demo")
    with pytest.raises(Fault, match="InvalidResourceArnException"):
        desk.ask("ListTagsForResource", resourceArn=arn)


@pytest.mark.parametrize("name", ["", "a.git", "a:b", "a/b", "*"])
def test_an_arn_with_a_malformed_name_says_so(desk: Desk, name: str) -> None:
    with pytest.raises(Fault, match="InvalidRepositoryNameException"):
        desk.ask("ListTagsForResource", resourceArn=f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{name}")
