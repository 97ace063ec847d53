"""How those errors of repositories, branches, tags and keys are provoked that take some doing."""

from __future__ import annotations

from typing import Any

from codecommit_at_hand import fresh
from codecommit_world import NO_COMMIT, NOT_THERE, Build, Request, World
from good_and_bad import fresh_good

PROVOKED: dict[tuple[str, str], Build] = {}


def provoke(operation: str, error: str, build: Build) -> None:
    PROVOKED[operation, f"{error}Exception"] = build


def wrong(operation: str, error: str, **more: Any) -> None:
    provoke(operation, error, fresh_good(operation, **more))


LONG = "d" * 1_001
MANY_TAGS = {f"k{number}": "" for number in range(51)}

wrong("UpdateRepositoryDescription", "InvalidRepositoryDescription", repositoryDescription=LONG)
OF_NEW: dict[str, Request] = {
    "InvalidRepositoryDescription": {"repositoryDescription": LONG},
    "EncryptionKeyInvalidId": {"kmsKeyId": "not a key"},
    "EncryptionKeyNotFound": {"kmsKeyId": "alias/own"},
    "InvalidTagsMap": {"tags": {"k" * 129: ""}},
    "TooManyTags": {"tags": MANY_TAGS},
    "InvalidSystemTagUsage": {"tags": {"aws:k": ""}},
}
for error, more in OF_NEW.items():
    wrong("CreateRepository", error, **more)
provoke("CreateRepository", "RepositoryNameExists", lambda world: {"repositoryName": world.name})

wrong("BatchGetRepositories", "InvalidRepositoryName", repositoryNames=["ok", "a.git"])
wrong("ListRepositories", "InvalidSortBy", sortBy="size")
wrong("ListRepositories", "InvalidOrder", order="sideways")

provoke("UpdateRepositoryName", "RepositoryNameRequired", lambda _: {"oldName": NOT_THERE})
wrong("UpdateRepositoryName", "InvalidRepositoryName", newName="b.git")
wrong("UpdateRepositoryName", "RepositoryDoesNotExist", oldName=NOT_THERE)
provoke(
    "UpdateRepositoryName",
    "RepositoryNameExists",
    lambda world: {"oldName": world.service.repository(), "newName": world.name},
)

wrong("CreateBranch", "BranchNameExists", branchName="main")
wrong("DeleteBranch", "DefaultBranchCannotBeDeleted", branchName="main")
wrong("GetCommit", "CommitIdDoesNotExist", commitId=NO_COMMIT)
wrong("BatchGetCommits", "CommitIdsListRequired", commitIds=[])
wrong("BatchGetCommits", "CommitIdsLimitExceeded", commitIds=[NO_COMMIT] * 101)

for operation in ("ListTagsForResource", "TagResource", "UntagResource"):
    wrong(operation, "InvalidResourceArn", resourceArn="arn:aws:s3:::bucket")
    for error, name in (("RepositoryDoesNotExist", NOT_THERE), ("InvalidRepositoryName", "a.git")):

        def elsewhere(world: World, operation: str = operation, name: str = name) -> Request:
            return {**fresh_good(operation)(world), "resourceArn": world.service.arn(name)}

        provoke(operation, error, elsewhere)
provoke("TagResource", "TagsMapRequired", lambda world: {"resourceArn": world.arn})
wrong("TagResource", "InvalidTagsMap", tags={"": ""})
wrong("TagResource", "TooManyTags", tags=MANY_TAGS)
wrong("TagResource", "InvalidSystemTagUsage", tags={"aws:k": ""})
wrong("UntagResource", "TagKeysListRequired", tagKeys=[])
wrong("UntagResource", "InvalidTagKeysList", tagKeys=["k" * 129])
wrong("UntagResource", "TooManyTags", tagKeys=list(MANY_TAGS))
wrong("UntagResource", "InvalidSystemTagUsage", tagKeys=["aws:k"])


def a_key(world: World, then: str = "", **more: str) -> str:
    """Make a key of some kind, in some state."""
    kms = world.service.client("kms")
    key_id: str = kms.create_key(**more)["KeyMetadata"]["KeyId"]
    if then:
        getattr(kms, then)(KeyId=key_id)
    return key_id


MACS = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
STATES: dict[str, tuple[str, dict[str, str]]] = {
    "EncryptionKeyDisabled": ("disable_key", {}),
    "EncryptionKeyUnavailable": ("schedule_key_deletion", {}),
    "EncryptionKeyInvalidUsage": ("", MACS),
}
for error, (then, kind) in STATES.items():

    def under(world: World, then: str = then, kind: dict[str, str] = kind) -> Request:
        return {"kmsKeyId": a_key(world, then, **kind)}

    provoke(
        "CreateRepository",
        error,
        lambda world, under=under: {"repositoryName": fresh("repository"), **under(world)},  # type: ignore[misc]  # bound early
    )
    provoke(
        "UpdateRepositoryEncryptionKey",
        error,
        lambda world, under=under: {"repositoryName": world.name, **under(world)},  # type: ignore[misc]  # bound early
    )
wrong("UpdateRepositoryEncryptionKey", "EncryptionKeyInvalidId", kmsKeyId="not a key")
wrong("UpdateRepositoryEncryptionKey", "EncryptionKeyNotFound", kmsKeyId="alias/own")
