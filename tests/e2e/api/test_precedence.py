"""Which error wins when several are true."""

from __future__ import annotations

from codecommit_at_hand import Pushed, Service, access_denied, allow, deny, refused

NO_COMMIT = "0" * 39 + "1"


def test_a_missing_member_wins_over_a_malformed_one(service: Service) -> None:
    client = service.codecommit(check=False)
    with refused(client, "CommitIdRequiredException"):
        client.create_branch(repositoryName="a.git", branchName="a..b")  # type: ignore[call-arg]  # on purpose


def test_a_malformed_member_wins_over_a_missing_right(service: Service) -> None:
    client = service.codecommit(keys=service.user())
    with refused(client, "InvalidCommitIdException"):
        client.create_branch(repositoryName="not-there", branchName="new", commitId="short")


def test_a_missing_right_wins_over_a_missing_repository(service: Service) -> None:
    client = service.codecommit(keys=service.user())
    with access_denied(on=service.arn("not-there")):
        client.get_branch(repositoryName="not-there", branchName="main")
    with access_denied(on=service.arn("not-there")):
        client.delete_repository(repositoryName="not-there")


def test_a_missing_repository_wins_over_a_denied_key(service: Service) -> None:
    client = service.codecommit(keys=service.user(allow("codecommit:*"), deny("kms:*")))
    with refused(client, "RepositoryDoesNotExistException"):
        client.get_repository(repositoryName="not-there")


def test_a_denied_key_wins_over_a_missing_commit(service: Service, pushed: Pushed) -> None:
    client = service.codecommit(keys=service.user(allow("codecommit:*"), deny("kms:*")))
    with refused(client, "EncryptionKeyAccessDeniedException"):
        client.create_branch(repositoryName=pushed.name, branchName="main", commitId=NO_COMMIT)


def test_a_missing_commit_wins_over_a_branch_that_exists(service: Service, pushed: Pushed) -> None:
    client = service.codecommit()
    with refused(client, "CommitDoesNotExistException"):
        client.create_branch(repositoryName=pushed.name, branchName="main", commitId=NO_COMMIT)


def test_a_batch_needs_the_right_to_each_name_in_it(service: Service) -> None:
    mine, other = service.repository(), service.repository()
    keys = service.user(allow("codecommit:BatchGetRepositories", resource=service.arn(mine)))
    client = service.codecommit(keys=keys)
    found = client.batch_get_repositories(repositoryNames=[mine])["repositories"]
    assert [repository["repositoryName"] for repository in found] == [mine]
    with access_denied(on=service.arn(other)):
        client.batch_get_repositories(repositoryNames=[mine, other])


def test_a_batch_tells_a_denied_key_beside_each_name(service: Service) -> None:
    name = service.repository()
    client = service.codecommit(keys=service.user(allow("codecommit:*"), deny("kms:Decrypt")))
    answer = client.batch_get_repositories(repositoryNames=[name, "not-there"])
    assert answer["repositories"] == []
    assert answer["repositoriesNotFound"] == ["not-there"]
    (error,) = answer["errors"]
    assert error["repositoryName"] == name
    assert error["errorCode"] == "EncryptionKeyAccessDeniedException"
    assert error["errorMessage"]


def test_listing_needs_a_right_to_everything(service: Service) -> None:
    client = service.codecommit(keys=service.user(allow("codecommit:*", resource=service.arn("*"))))
    with access_denied(on="*"):
        client.list_repositories()
