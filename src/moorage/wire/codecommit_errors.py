"""Which of CodeCommit's own errors a missing or badly formed member is answered with.

The names derive from the model: `<Member>RequiredException`, else `<Shape>RequiredException`, and
likewise `Invalid<Member>Exception`, `Invalid<Shape>Exception`. The tables hold what the model names
otherwise. An error that the operation declares goes before one that only the service has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

    from moorage.wire.violation import Violation

# By shape: the missing member's error.
_REQUIRED = {
    "CommitName": "CommitRequiredException",
    "Content": "CommentContentRequiredException",
    "ObjectId": "BlobIdRequiredException",
    "CommitIdsInputList": "CommitIdsListRequiredException",
    "KmsKeyId": "EncryptionKeyRequiredException",
    "RepositoryTriggerEventList": "RepositoryTriggerEventsListRequiredException",
    "ApprovalRuleTemplateDescription": "InvalidApprovalRuleTemplateDescriptionException",
    "Description": "InvalidDescriptionException",
}
# By shape: errors of a member that is there and badly formed, the first declared one counts.
_INVALID: dict[str, tuple[str, ...]] = {
    "BranchName": ("InvalidRepositoryTriggerBranchNameException",),
    "CommitName": ("InvalidCommitException",),
    "Content": ("CommentContentSizeLimitExceededException",),
    "FileContent": ("FileContentSizeLimitExceededException",),
    "KmsKeyId": ("EncryptionKeyInvalidIdException",),
    "Message": ("CommitMessageLengthExceededException",),
    "Name": ("NameLengthExceededException",),
    "NextToken": ("InvalidContinuationTokenException",),
    "ObjectId": ("InvalidBlobIdException", "InvalidCommitIdException"),
    "RepositoryTriggerEventEnum": ("InvalidRepositoryTriggerEventsException",),
    "TagKey": ("InvalidTagKeysListException", "InvalidTagsMapException"),
    "TagValue": ("InvalidTagsMapException",),
}


def name(violation: Violation, operation: OperationModel) -> str:
    """Return the error a violation is answered with; ValidationError when the model names none."""
    candidates = list(_candidates(violation))
    for known in (_declared(operation), operation.service_model.shape_names):
        for candidate in candidates:
            if candidate in known:
                return candidate
    return faults.VALIDATION_ERROR


def is_answered(violation: Violation, operation: OperationModel) -> bool:
    """Tell whether a badly formed element of a list is for the operation's answer to tell.

    It is where the answer has `errors`, one for each element, and the model declares no error for all
    of them together: BatchAssociateApprovalRuleTemplateWithRepositories, and its opposite.
    """
    answer = operation.output_shape
    if not isinstance(violation.value, list) or answer is None or "errors" not in answer.members:
        return False
    return _declared(operation).isdisjoint(_candidates(violation))


def _declared(operation: OperationModel) -> set[str]:
    return {shape.name for shape in operation.error_shapes}


def _candidates(violation: Violation) -> Iterator[str]:
    return _required(violation) if violation.kind == "required" else _invalid(violation)


def _required(violation: Violation) -> Iterator[str]:
    for subject in _subjects(violation):
        yield f"{subject}RequiredException"
    if violation.shape.name in _REQUIRED:
        yield _REQUIRED[violation.shape.name]


def _invalid(violation: Violation) -> Iterator[str]:
    for subject in _subjects(violation):
        yield f"Invalid{subject}Exception"
    yield from _INVALID.get(violation.shape.name, ())


def _subjects(violation: Violation) -> tuple[str, ...]:
    member = violation.member[:1].upper() + violation.member[1:]
    # RepositoryTrigger's destinationArn is missing as RepositoryTriggerDestinationArn.
    return member, violation.shape.name, violation.owner + member
