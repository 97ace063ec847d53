"""Repositories over the CodeCommit API, by unmodified boto3."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from codecommit_at_hand import REGION, Service, access_denied, allow, fresh, refused
from moorage.core.clock import SystemClock


def test_a_new_repository_is_described_with_everything_but_a_default_branch(service: Service) -> None:
    name = fresh("repository")
    made = service.codecommit().create_repository(
        repositoryName=name, repositoryDescription="Für <b>alle</b>"
    )
    metadata = made["repositoryMetadata"]
    assert set(metadata) == {
        "accountId",
        "repositoryId",
        "repositoryName",
        "repositoryDescription",
        "lastModifiedDate",
        "creationDate",
        "cloneUrlHttp",
        "cloneUrlSsh",
        "Arn",
        "kmsKeyId",
    }
    assert metadata["repositoryName"] == name
    assert metadata["repositoryDescription"] == "Für <b>alle</b>"
    assert metadata["accountId"] == service.account_id
    assert metadata["Arn"] == service.arn(name)
    assert str(uuid.UUID(metadata["repositoryId"])) == metadata["repositoryId"]
    assert metadata["kmsKeyId"].startswith(f"arn:aws:kms:{REGION}:{service.account_id}:key/")
    assert metadata["cloneUrlHttp"].startswith(f"https://git-codecommit.{REGION}.")
    assert metadata["cloneUrlHttp"].endswith(f"/v1/repos/{name}")
    assert metadata["cloneUrlSsh"].startswith(f"ssh://git-codecommit.{REGION}.")
    assert abs(metadata["creationDate"] - SystemClock().now()) < timedelta(minutes=1)
    assert metadata["lastModifiedDate"] == metadata["creationDate"]
    assert service.codecommit().get_repository(repositoryName=name)["repositoryMetadata"] == metadata


def test_a_repository_without_a_description_has_none(service: Service) -> None:
    name = service.repository()
    assert (
        "repositoryDescription"
        not in service.codecommit().get_repository(repositoryName=name)["repositoryMetadata"]
    )


@pytest.mark.parametrize(
    "form", ["alias/aws/codecommit", "arn:aws:kms:{region}:{account}:alias/aws/codecommit"]
)
def test_the_default_key_may_be_named(service: Service, form: str) -> None:
    key = form.format(region=REGION, account=service.account_id)
    assert service.repository(kmsKeyId=key)


def test_a_name_is_taken_only_once_and_case_tells_names_apart(service: Service) -> None:
    client, name = service.codecommit(), service.repository()
    with refused(client, "RepositoryNameExistsException"):
        client.create_repository(repositoryName=name)
    client.create_repository(repositoryName=name.upper())


def test_the_same_name_in_two_regions_and_two_accounts_is_four_repositories(
    service: Service, other_account: Service
) -> None:
    name = fresh("repository")
    ids = set()
    for account in (service, other_account):
        for region in ("us-east-2", "eu-west-1"):
            made = account.codecommit(region).create_repository(repositoryName=name)["repositoryMetadata"]
            assert made["Arn"] == account.arn(name, region)
            ids.add(made["repositoryId"])
    assert len(ids) == 4
    service.codecommit("us-east-2").delete_repository(repositoryName=name)
    left = [
        account.codecommit(region).get_repository(repositoryName=name)["repositoryMetadata"]["repositoryId"]
        for account, region in (
            (service, "eu-west-1"),
            (other_account, "us-east-2"),
            (other_account, "eu-west-1"),
        )
    ]
    assert len(set(left)) == 3
    with refused(service.codecommit(), "RepositoryDoesNotExistException"):
        service.codecommit().get_repository(repositoryName=name)


def test_a_batch_finds_what_exists_and_names_what_does_not(service: Service) -> None:
    names = [service.repository() for _ in range(2)]
    answer = service.codecommit().batch_get_repositories(
        repositoryNames=[names[0], "not-there", names[1], names[0]]
    )
    assert [found["repositoryName"] for found in answer["repositories"]] == names
    assert answer["repositoriesNotFound"] == ["not-there"]
    assert answer["errors"] == []


def test_listing_gives_every_repository_in_the_order_asked_for(service: Service) -> None:
    region = "ap-south-2"  # no other test uses it
    client = service.codecommit(region)
    ids = {
        name: client.create_repository(repositoryName=name)["repositoryMetadata"]["repositoryId"]
        for name in ("bravo", "alpha", "charlie")
    }
    client.update_repository_description(repositoryName="bravo", repositoryDescription="now the newest")
    by_name = client.list_repositories()["repositories"]
    assert by_name == [{"repositoryName": name, "repositoryId": ids[name]} for name in sorted(ids)]

    def listed(**asked: str) -> list[str]:
        pages = client.get_paginator("list_repositories").paginate(**asked)  # type: ignore[arg-type]  # enums
        return [found["repositoryName"] for page in pages for found in page["repositories"]]

    assert listed(sortBy="repositoryName", order="descending") == ["charlie", "bravo", "alpha"]
    assert listed(sortBy="lastModifiedDate", order="ascending") == ["alpha", "charlie", "bravo"]
    assert listed(sortBy="lastModifiedDate", order="descending") == ["bravo", "charlie", "alpha"]


@pytest.mark.slow
def test_a_thousand_repositories_make_a_page_and_the_paginator_finds_the_rest(service: Service) -> None:
    region = "ap-southeast-3"  # no other test uses it
    client = service.codecommit(region)
    names = [f"r{number:04}" for number in range(1_003)]
    for name in names:
        client.create_repository(repositoryName=name)
    pages = list(client.get_paginator("list_repositories").paginate())
    assert [len(page["repositories"]) for page in pages] == [1_000, 3]
    assert [found["repositoryName"] for page in pages for found in page["repositories"]] == names
    assert "nextToken" not in pages[-1]
    token = pages[0]["nextToken"]
    with refused(client, "InvalidContinuationTokenException"):
        client.list_repositories(nextToken=token, order="descending")
    elsewhere = service.codecommit("ap-southeast-2")
    with refused(elsewhere, "InvalidContinuationTokenException"):
        elsewhere.list_repositories(nextToken=token)


def test_a_description_changes_and_can_be_cleared(service: Service) -> None:
    client, name = service.codecommit(), service.repository(repositoryDescription="first")
    before = client.get_repository(repositoryName=name)["repositoryMetadata"]
    answer = client.update_repository_description(repositoryName=name, repositoryDescription="é" * 1_000)
    assert set(answer) == {"ResponseMetadata"}
    after = client.get_repository(repositoryName=name)["repositoryMetadata"]
    assert after["repositoryDescription"] == "é" * 1_000
    assert after["lastModifiedDate"] >= before["lastModifiedDate"]
    client.update_repository_description(repositoryName=name)
    assert "repositoryDescription" not in client.get_repository(repositoryName=name)["repositoryMetadata"]


def test_a_renamed_repository_keeps_its_id_and_leaves_nothing_behind(service: Service) -> None:
    client, old, new = service.codecommit(), service.repository(), fresh("renamed")
    before = client.get_repository(repositoryName=old)["repositoryMetadata"]
    client.update_repository_name(oldName=old, newName=new)
    after = client.get_repository(repositoryName=new)["repositoryMetadata"]
    assert after["repositoryId"] == before["repositoryId"]
    assert after["Arn"] == service.arn(new)
    with refused(client, "RepositoryDoesNotExistException"):
        client.get_repository(repositoryName=old)


def test_renaming_needs_the_right_under_both_names(service: Service) -> None:
    name = service.repository()
    new = fresh("renamed")
    half = service.codecommit(
        keys=service.user(allow("codecommit:UpdateRepositoryName", resource=service.arn(name)))
    )
    with access_denied(on=service.arn(new)):
        half.update_repository_name(oldName=name, newName=new)


def test_deleting_answers_the_id_once_and_then_nothing(service: Service) -> None:
    client, name = service.codecommit(), service.repository()
    repository_id = client.get_repository(repositoryName=name)["repositoryMetadata"]["repositoryId"]
    assert client.delete_repository(repositoryName=name)["repositoryId"] == repository_id
    assert "repositoryId" not in client.delete_repository(repositoryName=name)
    client.create_repository(repositoryName=name)
    again = client.get_repository(repositoryName=name)["repositoryMetadata"]["repositoryId"]
    assert again != repository_id
