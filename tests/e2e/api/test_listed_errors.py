"""Every error that the model lists for an operation: provoked here, or it is said why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from codecommit_at_hand import Keys, Pushed, Service, allow, deny, push_sample, refused
from moorage.services.codecommit import codecommit

NOT_THERE = "not-there"
NO_COMMIT = "0" * 39 + "1"


@dataclass(frozen=True)
class World:
    """A repository with commits, and a user whom a policy denies the keys."""

    service: Service
    pushed: Pushed
    keyless: Keys

    @property
    def arn(self) -> str:
        return self.service.arn(self.pushed.name)


@pytest.fixture(scope="module")
def world(service: Service, tmp_path_factory: pytest.TempPathFactory) -> World:
    pushed = push_sample(service, Path(tmp_path_factory.mktemp("sample")))
    tags = {f"k{number}": "" for number in range(50)}
    service.codecommit().tag_resource(resourceArn=service.arn(pushed.name), tags=tags)
    return World(service, pushed, service.user(allow("codecommit:*"), deny("kms:*")))


Build = Callable[[World], dict[str, Any]]
# (operation, error) -> the request that provokes it
PROVOKED: dict[tuple[str, str], Build] = {}

KEY_DENIED = "EncryptionKeyAccessDeniedException"
# A repository's own key in each of these states: tests/unit/codecommit/test_encryption_keys.py has them,
# and damaged bytes tests/unit/keys. They are the same for every operation.
OF_THE_KEY = {
    "EncryptionIntegrityChecksFailedException",
    "EncryptionKeyDisabledException",
    "EncryptionKeyUnavailableException",
    "EncryptionKeyInvalidUsageException",
    "EncryptionKeyNotFoundException",
}
# AWS Organizations' tag policies and the service's own closing are not part of moorage.
NOT_PART = {"TagPolicyException", "OperationNotAllowedException"}
# 25,000 repositories: tests/unit/codecommit/test_repositories.py makes them as rows.
TOO_DEAR = {"RepositoryLimitExceededException"}


def provoke(operation: str, error: str, build: Build) -> None:
    PROVOKED[operation, error] = build


def named(operation: str, **more: Any) -> None:
    """Add the four errors of an operation on a named repository."""
    provoke(operation, "RepositoryNameRequiredException", lambda _: more)
    provoke(operation, "InvalidRepositoryNameException", lambda _: {"repositoryName": "a.git", **more})
    provoke(operation, "RepositoryDoesNotExistException", lambda _: {"repositoryName": NOT_THERE, **more})
    provoke(operation, KEY_DENIED, lambda world: {"repositoryName": world.pushed.name, **more})


def on_sample(operation: str, error: str, **more: Any) -> None:
    provoke(operation, error, lambda world: {"repositoryName": world.pushed.name, **more})


def branch(operation: str, member: str = "branchName", **more: Any) -> None:
    on_sample(operation, "BranchNameRequiredException", **more)
    on_sample(operation, "InvalidBranchNameException", **{member: "a..b"}, **more)


named("GetRepository")
named("UpdateRepositoryDescription")
on_sample(
    "UpdateRepositoryDescription", "InvalidRepositoryDescriptionException", repositoryDescription="d" * 1_001
)
named("DeleteRepository")
del PROVOKED["DeleteRepository", "RepositoryDoesNotExistException"]  # a missing one is no error

provoke("CreateRepository", "RepositoryNameRequiredException", lambda _: {})
provoke("CreateRepository", "InvalidRepositoryNameException", lambda _: {"repositoryName": "a b"})
on_sample("CreateRepository", "RepositoryNameExistsException")
provoke("CreateRepository", KEY_DENIED, lambda _: {"repositoryName": NOT_THERE})
for error, more in (
    ("InvalidRepositoryDescriptionException", {"repositoryDescription": "d" * 1_001}),
    ("EncryptionKeyInvalidIdException", {"kmsKeyId": "not a key"}),
    ("EncryptionKeyNotFoundException", {"kmsKeyId": "alias/own"}),
    ("InvalidTagsMapException", {"tags": {"k" * 129: ""}}),
    ("TooManyTagsException", {"tags": {f"k{number}": "" for number in range(51)}}),
    ("InvalidSystemTagUsageException", {"tags": {"aws:k": ""}}),
):
    provoke("CreateRepository", error, lambda _, more=more: {"repositoryName": NOT_THERE, **more})  # type: ignore[misc]  # bound early

provoke("BatchGetRepositories", "RepositoryNamesRequiredException", lambda _: {"repositoryNames": []})
provoke(
    "BatchGetRepositories", "InvalidRepositoryNameException", lambda _: {"repositoryNames": ["ok", "a.git"]}
)
provoke(
    "BatchGetRepositories",
    "MaximumRepositoryNamesExceededException",
    lambda _: {"repositoryNames": [f"r{number}" for number in range(101)]},
)

provoke("ListRepositories", "InvalidSortByException", lambda _: {"sortBy": "size"})
provoke("ListRepositories", "InvalidOrderException", lambda _: {"order": "sideways"})
provoke("ListRepositories", "InvalidContinuationTokenException", lambda _: {"nextToken": "made up"})

provoke("UpdateRepositoryName", "RepositoryNameRequiredException", lambda _: {"oldName": NOT_THERE})
provoke(
    "UpdateRepositoryName", "InvalidRepositoryNameException", lambda _: {"oldName": "a", "newName": "b.git"}
)
provoke(
    "UpdateRepositoryName",
    "RepositoryDoesNotExistException",
    lambda _: {"oldName": NOT_THERE, "newName": "b"},
)
provoke(
    "UpdateRepositoryName",
    "RepositoryNameExistsException",
    lambda world: {"oldName": world.service.repository(), "newName": world.pushed.name},
)

named("CreateBranch", branchName="new", commitId=NO_COMMIT)
branch("CreateBranch", commitId=NO_COMMIT)
on_sample("CreateBranch", "CommitIdRequiredException", branchName="new")
on_sample("CreateBranch", "InvalidCommitIdException", branchName="new", commitId="main")
on_sample("CreateBranch", "CommitDoesNotExistException", branchName="new", commitId=NO_COMMIT)
provoke(
    "CreateBranch",
    "BranchNameExistsException",
    lambda world: {
        "repositoryName": world.pushed.name,
        "branchName": "main",
        "commitId": world.pushed.commits[0],
    },
)

named("DeleteBranch", branchName="main")
branch("DeleteBranch")
on_sample("DeleteBranch", "DefaultBranchCannotBeDeletedException", branchName="main")

named("GetBranch", branchName="main")
branch("GetBranch")
on_sample("GetBranch", "BranchDoesNotExistException", branchName="missing")

named("ListBranches")
on_sample("ListBranches", "InvalidContinuationTokenException", nextToken="made up")

named("UpdateDefaultBranch", defaultBranchName="main")
branch("UpdateDefaultBranch", "defaultBranchName")
on_sample("UpdateDefaultBranch", "BranchDoesNotExistException", defaultBranchName="missing")

named("GetCommit", commitId=NO_COMMIT)
on_sample("GetCommit", "CommitIdRequiredException")
on_sample("GetCommit", "InvalidCommitIdException", commitId="main")
on_sample("GetCommit", "CommitIdDoesNotExistException", commitId=NO_COMMIT)

named("BatchGetCommits", commitIds=[NO_COMMIT])
on_sample("BatchGetCommits", "CommitIdsListRequiredException", commitIds=[])
on_sample("BatchGetCommits", "CommitIdsLimitExceededException", commitIds=[NO_COMMIT] * 101)

for operation, rest in (
    ("ListTagsForResource", {}),
    ("TagResource", {"tags": {"a": "1"}}),
    ("UntagResource", {"tagKeys": ["a"]}),
):

    def by_arn(name: str, rest: dict[str, Any] = rest) -> Build:
        return lambda world: {"resourceArn": world.service.arn(name), **rest}

    provoke(operation, "ResourceArnRequiredException", lambda _, rest=rest: rest)  # type: ignore[misc]  # bound early
    provoke(
        operation,
        "InvalidResourceArnException",
        lambda _, rest=rest: {"resourceArn": "arn:aws:s3:::bucket", **rest},  # type: ignore[misc]  # bound early
    )
    provoke(operation, "RepositoryDoesNotExistException", by_arn(NOT_THERE))
    provoke(operation, "InvalidRepositoryNameException", by_arn("a.git"))


def on_arn(operation: str, error: str, **more: Any) -> None:
    provoke(operation, error, lambda world: {"resourceArn": world.arn, **more})


named("UpdateRepositoryEncryptionKey", kmsKeyId="alias/aws/codecommit")
on_sample("UpdateRepositoryEncryptionKey", "EncryptionKeyRequiredException")
on_sample("UpdateRepositoryEncryptionKey", "EncryptionKeyInvalidIdException", kmsKeyId="not a key")
on_sample("UpdateRepositoryEncryptionKey", "EncryptionKeyNotFoundException", kmsKeyId="alias/own")


def a_key(world: World, then: str = "", **more: str) -> str:
    """Make a key of some kind, in some state."""
    kms = world.service.client("kms")
    key_id: str = kms.create_key(**more)["KeyMetadata"]["KeyId"]
    if then:
        getattr(kms, then)(KeyId=key_id)
    return key_id


MACS = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
for error, then, kind in (
    ("EncryptionKeyDisabledException", "disable_key", {}),
    ("EncryptionKeyUnavailableException", "schedule_key_deletion", {}),
    ("EncryptionKeyInvalidUsageException", "", MACS),
):

    def under(world: World, then: str = then, kind: dict[str, str] = kind) -> dict[str, Any]:
        return {"kmsKeyId": a_key(world, then, **kind)}

    provoke("CreateRepository", error, lambda world, under=under: {"repositoryName": "none", **under(world)})  # type: ignore[misc]  # bound early
    provoke(
        "UpdateRepositoryEncryptionKey",
        error,
        lambda world, under=under: {"repositoryName": world.pushed.name, **under(world)},  # type: ignore[misc]  # bound early
    )


on_arn("TagResource", "TagsMapRequiredException")
on_arn("TagResource", "InvalidTagsMapException", tags={"": ""})
on_arn("TagResource", "TooManyTagsException", tags={"one": "more"})
on_arn("TagResource", "InvalidSystemTagUsageException", tags={"aws:k": ""})
on_arn("UntagResource", "TagKeysListRequiredException", tagKeys=[])
on_arn("UntagResource", "InvalidTagKeysListException", tagKeys=["k" * 129])
on_arn("UntagResource", "TooManyTagsException", tagKeys=[f"k{number}" for number in range(51)])
on_arn("UntagResource", "InvalidSystemTagUsageException", tagKeys=["aws:k"])


@pytest.mark.parametrize(("operation", "error"), sorted(PROVOKED))
def test_an_error_that_the_model_lists_is_raised_by_its_exact_type(
    world: World, operation: str, error: str
) -> None:
    keys = world.keyless if error == KEY_DENIED else None
    client: Any = world.service.codecommit(keys=keys, check=False)
    method = getattr(
        client, next(name for name, api in client.meta.method_to_api_mapping.items() if api == operation)
    )
    with refused(client, error):
        method(**PROVOKED[operation, error](world))


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_no_error_of_the_model_is_forgotten(operation: str) -> None:
    model = get_session().get_service_model("codecommit").operation_model(operation)
    listed = {shape.name for shape in model.error_shapes}
    provoked = {error for name, error in PROVOKED if name == operation}
    assert provoked <= listed
    unreachable = OF_THE_KEY | NOT_PART | TOO_DEAR
    if operation == "BatchGetRepositories":
        unreachable = unreachable | {KEY_DENIED}  # told beside each name instead
    assert listed - provoked <= unreachable
