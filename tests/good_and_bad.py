"""How each error that the model lists is provoked: a good request of the operation, with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from codecommit_world import (
    NO_COMMENT,
    NO_COMMIT,
    NO_PULL_REQUEST,
    NO_REVISION,
    NOT_THERE,
    Build,
    Request,
    World,
    good,
)
from moorage.wire import models

MEGABYTE = 1 << 20

# error -> the members, of which an operation has one, that it is the absence of
ABSENT: Mapping[str, tuple[str, ...]] = {
    "ApprovalRuleContentRequiredException": ("approvalRuleContent", "newRuleContent"),
    "ApprovalRuleNameRequiredException": ("approvalRuleName",),
    "ApprovalRuleTemplateContentRequiredException": ("approvalRuleTemplateContent", "newRuleContent"),
    "ApprovalRuleTemplateNameRequiredException": (
        "approvalRuleTemplateName",
        "oldApprovalRuleTemplateName",
    ),
    "ApprovalStateRequiredException": ("approvalState",),
    "BlobIdRequiredException": ("afterBlobId", "blobId"),
    "BranchNameRequiredException": ("branchName", "defaultBranchName"),
    "CommentContentRequiredException": ("content",),
    "CommentIdRequiredException": ("commentId", "inReplyTo"),
    "CommitIdRequiredException": ("afterCommitId", "commitId"),
    "CommitRequiredException": ("sourceCommitSpecifier", "afterCommitSpecifier"),
    "EncryptionKeyRequiredException": ("kmsKeyId",),
    "FileContentRequiredException": ("fileContent",),
    "MergeOptionRequiredException": ("mergeOption",),
    "OverrideStatusRequiredException": ("overrideStatus",),
    "ParentCommitIdRequiredException": ("parentCommitId",),
    "PathRequiredException": ("filePath", "folderPath"),
    "PullRequestIdRequiredException": ("pullRequestId",),
    "PullRequestStatusRequiredException": ("pullRequestStatus",),
    "ReactionValueRequiredException": ("reactionValue",),
    "RepositoryNameRequiredException": ("repositoryName",),
    "RepositoryNamesRequiredException": ("repositoryNames",),
    "RepositoryTriggersListRequiredException": ("triggers",),
    "ResourceArnRequiredException": ("resourceArn",),
    "RevisionIdRequiredException": ("revisionId",),
    "TargetsRequiredException": ("targets",),
    "TitleRequiredException": ("title",),
}

# error -> the members, of which an operation has one, and the value that is wrong
WRONG: Mapping[str, tuple[tuple[str, ...], Any]] = {
    "ApprovalRuleTemplateDoesNotExistException": (
        ("approvalRuleTemplateName", "oldApprovalRuleTemplateName"),
        NOT_THERE,
    ),
    "ApprovalRuleDoesNotExistException": (("approvalRuleName",), NOT_THERE),
    "BlobIdDoesNotExistException": (("afterBlobId", "blobId"), NO_COMMIT),
    "BranchDoesNotExistException": (("branchName", "targetBranch", "defaultBranchName"), NOT_THERE),
    "CommentContentSizeLimitExceededException": (("content",), "c" * 10_241),
    "CommentDoesNotExistException": (("commentId", "inReplyTo"), NO_COMMENT),
    "CommitDoesNotExistException": (
        ("sourceCommitSpecifier", "afterCommitSpecifier", "commitSpecifier", "afterCommitId", "commitId"),
        NO_COMMIT,
    ),
    "CommitMessageLengthExceededException": (("commitMessage",), "m" * (6 * MEGABYTE + 1)),
    "FileContentSizeLimitExceededException": (("fileContent",), b"f" * (6 * MEGABYTE + 1)),
    "FileDoesNotExistException": (("filePath",), "none.txt"),
    "FolderDoesNotExistException": (("folderPath",), "none"),
    "InvalidApprovalRuleContentException": (("approvalRuleContent", "newRuleContent"), "{}"),
    "InvalidApprovalRuleNameException": (("approvalRuleName",), "r" * 101),
    "InvalidApprovalRuleTemplateContentException": (
        ("approvalRuleTemplateContent", "newRuleContent"),
        "{}",
    ),
    "InvalidApprovalRuleTemplateDescriptionException": (("approvalRuleTemplateDescription",), "d" * 1_001),
    "InvalidApprovalRuleTemplateNameException": (
        ("approvalRuleTemplateName", "oldApprovalRuleTemplateName"),
        "t" * 101,
    ),
    "InvalidApprovalStateException": (("approvalState",), "PERHAPS"),
    "InvalidActorArnException": (("actorArn",), "mary"),
    "InvalidAuthorArnException": (("authorArn",), "mary"),
    "InvalidBlobIdException": (("afterBlobId", "blobId"), "short"),
    "InvalidBranchNameException": (("branchName", "targetBranch", "defaultBranchName"), "a..b"),
    "InvalidClientRequestTokenException": (("clientRequestToken",), "t" * 1_025),
    "InvalidCommentIdException": (("commentId", "inReplyTo"), "first"),
    "InvalidCommitException": (
        ("sourceCommitSpecifier", "afterCommitSpecifier", "commitSpecifier"),
        "a..b",
    ),
    "InvalidCommitIdException": (("afterCommitId", "sourceCommitId", "commitId"), "main"),
    "InvalidConflictDetailLevelException": (("conflictDetailLevel",), "LETTER_LEVEL"),
    "InvalidConflictResolutionStrategyException": (("conflictResolutionStrategy",), "DICE"),
    "InvalidContinuationTokenException": (("nextToken", "NextToken"), "made up"),
    "InvalidDescriptionException": (("description",), "d" * 10_241),
    "InvalidEmailException": (("email",), "e" * 257),
    "InvalidFileModeException": (("fileMode",), "SETUID"),
    "InvalidMaxConflictFilesException": (("maxConflictFiles",), 0),
    "InvalidMaxMergeHunksException": (("maxMergeHunks",), 0),
    "InvalidMaxResultsException": (("maxResults", "MaxResults"), 0),
    "InvalidMergeOptionException": (("mergeOption",), "OCTOPUS_MERGE"),
    "InvalidOverrideStatusException": (("overrideStatus",), "PERHAPS"),
    "InvalidParentCommitIdException": (("parentCommitId",), "main"),
    "InvalidPathException": (("filePath", "folderPath", "afterPath"), "../a"),
    "InvalidPullRequestEventTypeException": (("pullRequestEventType",), "PULL_REQUEST_LOST"),
    "InvalidPullRequestIdException": (("pullRequestId",), "first"),
    "InvalidPullRequestStatusException": (("pullRequestStatus",), "AJAR"),
    "InvalidReactionUserArnException": (("reactionUserArn",), "mary"),
    "InvalidReactionValueException": (("reactionValue",), ":no-such-thing:"),
    "InvalidRepositoryNameException": (("repositoryName",), "a.git"),
    "InvalidRevisionIdException": (("revisionId",), "first"),
    "InvalidRuleContentSha256Exception": (("existingRuleContentSha256",), "0" * 64),
    "InvalidTitleException": (("title",), "t" * 151),
    "MaximumRepositoryNamesExceededException": (
        ("repositoryNames",),
        [f"repository-{number}" for number in range(101)],
    ),
    "NameLengthExceededException": (("authorName", "name"), "n" * 1_025),
    "ParentCommitDoesNotExistException": (("parentCommitId",), NO_COMMIT),
    "PathDoesNotExistException": (("afterPath",), "none"),
    "PullRequestDoesNotExistException": (("pullRequestId",), NO_PULL_REQUEST),
    "RepositoryDoesNotExistException": (("repositoryName",), NOT_THERE),
    "RevisionNotCurrentException": (("revisionId",), NO_REVISION),
}


def generic(kept: Callable[[World, str], Request]) -> Iterator[tuple[str, str, Build]]:
    """Yield operation, error and request for every error that one absent or wrong member brings about.

    `kept` returns a good request that may be used again: what fails changes nothing.
    """
    service = models.service_model("codecommit")
    for operation in service.operation_names:
        model = service.operation_model(operation)
        members = model.input_shape.members if model.input_shape else {}
        listed = [shape.name for shape in model.error_shapes]
        if "InvalidSourceCommitSpecifierException" in listed:  # each specifier has an error of its own
            listed.remove("InvalidCommitException")
        for error in listed:
            absent = _first(ABSENT.get(error, ()), members)
            if absent is not None:
                yield operation, error, _without(kept, operation, absent)
            named, value = WRONG.get(error, ((), None))
            wrong = _first(named, members)
            if wrong is not None:
                yield operation, error, _with(kept, operation, {wrong: value})


def _first(names: tuple[str, ...], members: Mapping[str, object]) -> str | None:
    return next((name for name in names if name in members), None)


def _without(kept: Callable[[World, str], Request], operation: str, member: str) -> Build:
    return lambda world: {key: value for key, value in kept(world, operation).items() if key != member}


def _with(kept: Callable[[World, str], Request], operation: str, more: Request) -> Build:
    return lambda world: {**kept(world, operation), **more}


def fresh_good(operation: str, **more: Any) -> Build:
    """Return a good request, newly made, with some members replaced."""
    return lambda world: {**good(operation, world), **more}
