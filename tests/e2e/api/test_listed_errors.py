"""Every operation of the model answers; every error it lists is provoked, or it is said why it cannot be."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

import good_and_bad
import provoked_by_hand
import provoked_of_repositories
from codecommit_at_hand import Service, refused
from codecommit_world import GOOD, NOT_FOR_AUTHORS, Build, Request, World, good
from moorage.services.codecommit import codecommit
from moorage.wire import models

MODEL = models.service_model("codecommit")
KEY_DENIED = "EncryptionKeyAccessDeniedException"


@cache
def kept(world: World, operation: str) -> Request:
    """Return a good request that is never sent as it is."""
    return good(operation, world)


# (operation, error) -> the request that provokes it
PROVOKED: dict[tuple[str, str], Build] = {
    **{(operation, error): build for operation, error, build in good_and_bad.generic(kept)},
    **provoked_of_repositories.PROVOKED,
    **provoked_by_hand.PROVOKED,
}

LISTED = {
    (operation, shape.name)
    for operation in MODEL.operation_names
    for shape in MODEL.operation_model(operation).error_shapes
}

# Errors that no request through the SDK brings about, and why. "*" stands for every operation.
UNREACHABLE: dict[tuple[str, str], str] = {
    ("*", "EncryptionIntegrityChecksFailedException"): "needs damaged bytes: tests/unit/keys",
    (
        "*",
        "EncryptionKeyDisabledException",
    ): "a key in each state: tests/unit/codecommit/test_encryption_keys",
    (
        "*",
        "EncryptionKeyNotFoundException",
    ): "a key in each state: tests/unit/codecommit/test_encryption_keys",
    (
        "*",
        "EncryptionKeyUnavailableException",
    ): "a key in each state: tests/unit/codecommit/test_encryption_keys",
    ("*", "TagPolicyException"): "AWS Organizations' tag policies are not part of moorage",
    ("*", "OperationNotAllowedException"): "the service is not closed to anybody",
    ("CreateRepository", "RepositoryLimitExceededException"): "25,000 rows: tests/unit/codecommit",
    ("BatchGetRepositories", KEY_DENIED): "told beside each name: test_precedence",
    ("*", "TipsDivergenceExceededException"): "100,000 commits: tests/unit/codecommit, with a lower limit",
    (
        "*",
        "MaximumItemsToCompareExceededException",
    ): "50,000 files: tests/unit/codecommit, with a lower limit",
    ("*", "MaximumFileContentToLoadExceededException"): "64 MB: tests/unit/codecommit, with a lower limit",
    ("*", "ConcurrentReferenceUpdateException"): "needs a race: tests/unit/codecommit",
    ("GetMergeConflicts", "InvalidCommitException"): "each specifier has an error of its own",
    ("CreateCommit", "InvalidDeletionParameterException"): "no member could bring it about",
    ("PutFile", "InvalidDeletionParameterException"): "PutFile deletes nothing",
    ("PutFile", "FolderContentSizeLimitExceededException"): "one file is within the limit of all",
    (
        "CreateApprovalRuleTemplate",
        "NumberOfRuleTemplatesExceededException",
    ): "1,000 rows: tests/unit/codecommit",
    ("CreatePullRequest", "MaximumOpenPullRequestsExceededException"): "1,000 rows: tests/unit/codecommit",
    ("UpdatePullRequestApprovalState", "MaximumNumberOfApprovalsExceededException"): "200 users: tests/unit",
    ("CreatePullRequest", "TargetRequiredException"): "a target without anything misses a name first",
    ("CreatePullRequest", "InvalidTargetException"): "each member of a target has an error of its own",
    (
        "ListFileCommitHistory",
        "CommitRequiredException",
    ): "the specifier may be absent, and empty is malformed",
    ("PutCommentReaction", "ReactionLimitExceededException"): "1,000 users: tests/unit/codecommit",
    ("GetDifferences", "InvalidCommitIdException"): "its specifiers are InvalidCommitException",
    (
        "MergePullRequestByFastForward",
        "ReferenceDoesNotExistException",
    ): "a pull request closes with its branch",
    ("ListRepositoriesForApprovalRuleTemplate", KEY_DENIED): "it tells names, which no key encrypts",
}


@pytest.fixture(scope="module")
def world(service: Service, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(service, Path(tmp_path_factory.mktemp("world")) / "pushed")


@pytest.mark.parametrize("operation", sorted(MODEL.operation_names))
def test_each_operation_answers_a_good_request_with_what_its_model_promises(
    world: World, operation: str
) -> None:
    keys = world.second if operation in NOT_FOR_AUTHORS else None
    answer = world.call(operation, good(operation, world), keys)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    promised = MODEL.operation_model(operation).output_shape
    if promised is not None:
        assert set(promised.required_members) <= answer.keys()


@pytest.mark.parametrize(("operation", "error"), sorted(PROVOKED))
def test_an_error_that_the_model_lists_is_raised_by_its_exact_type(
    world: World, operation: str, error: str
) -> None:
    client: Any = world.service.codecommit(check=False)
    request = PROVOKED[operation, error](world)
    with refused(client, error):
        getattr(client, xform_name(operation))(**request)


@pytest.mark.parametrize(
    "operation",
    sorted(name for name, error in LISTED if error == KEY_DENIED and (name, KEY_DENIED) not in UNREACHABLE),
)
def test_an_operation_on_contents_is_refused_to_whom_the_key_is_denied(world: World, operation: str) -> None:
    client: Any = world.service.codecommit(keys=world.keyless, check=False)
    with refused(client, KEY_DENIED):
        getattr(client, xform_name(operation))(**good(operation, world))


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_no_error_of_the_model_is_forgotten(operation: str) -> None:
    listed = {error for name, error in LISTED if name == operation}
    provoked = {error for name, error in PROVOKED if name == operation}
    excused = {error for name, error in UNREACHABLE if name in {"*", operation}} | {KEY_DENIED}
    assert listed - provoked - excused == set()
    assert provoked <= listed


def test_what_is_called_unreachable_is_listed_and_not_provoked() -> None:
    for operation, error in UNREACHABLE:
        assert any(error == other and operation in {"*", name} for name, other in LISTED)
        assert operation == "*" or (operation, error) not in PROVOKED


def test_there_is_a_good_request_for_each_operation_of_the_model() -> None:
    assert sorted(GOOD) == sorted(MODEL.operation_names)
