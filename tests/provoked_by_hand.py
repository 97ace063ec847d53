"""How the errors are provoked that take more than one absent or wrong member."""

from __future__ import annotations

import json
from typing import Any

from codecommit_at_hand import fresh
from codecommit_world import (
    BIG,
    MODULE,
    NO_COMMIT,
    NO_RULE,
    NOT_THERE,
    RULE,
    TAG,
    TEMPLATE,
    TRIGGER,
    Build,
    PullRequest,
    Request,
    World,
    good,
)
from good_and_bad import MEGABYTE, fresh_good

PROVOKED: dict[tuple[str, str], Build] = {}

BRANCH_MERGES = ("MergeBranchesByFastForward", "MergeBranchesBySquash", "MergeBranchesByThreeWay")
PULL_REQUEST_MERGES = (
    "MergePullRequestByFastForward",
    "MergePullRequestBySquash",
    "MergePullRequestByThreeWay",
)
# Operations that take a conflictResolution.
RESOLVING = (*BRANCH_MERGES[1:], *PULL_REQUEST_MERGES[1:], "CreateUnreferencedMergeCommit")


def provoke(operation: str, error: str, build: Build) -> None:
    PROVOKED[operation, f"{error}Exception"] = build


def wrong(operation: str, error: str, **more: Any) -> None:
    provoke(operation, error, fresh_good(operation, **more))


# --- files and commits ------------------------------------------------------------------------

# Two of them are more than a commit takes, and less than a request.
HALF = 3_700_000

FILE = {"filePath": "new.txt", "fileContent": b"new\n"}

for operation in ("CreateCommit", "DeleteFile", "PutFile"):
    provoke(
        operation,
        "ParentCommitIdOutdated",
        lambda world, operation=operation: {**good(operation, world), "parentCommitId": world.first},  # type: ignore[misc]  # bound early
    )

    def on_tag(world: World, operation: str = operation) -> Request:
        return {**good(operation, world), "branchName": TAG}

    provoke(operation, "BranchNameIsTagName", on_tag)

COMMITS: dict[str, dict[str, Any]] = {
    "FileEntryRequired": {"putFiles": []},
    "MaximumFileEntriesExceeded": {"putFiles": [{**FILE, "filePath": f"f{n}"} for n in range(101)]},
    "PutFileEntryConflict": {"putFiles": [FILE, {**FILE, "filePath": "new.txt/below"}]},
    "SourceFileOrContentRequired": {"putFiles": [{"filePath": "new.txt"}]},
    "FileContentAndSourceFileSpecified": {"putFiles": [{**FILE, "sourceFile": {"filePath": "b.txt"}}]},
    "PathRequired": {"deleteFiles": [{}]},
    "InvalidPath": {"putFiles": [{**FILE, "filePath": "../a"}]},
    "SamePathRequest": {"putFiles": [FILE, FILE]},
    "FileDoesNotExist": {"putFiles": [], "deleteFiles": [{"filePath": "none.txt"}]},
    "FileContentSizeLimitExceeded": {"putFiles": [{**FILE, "fileContent": b"f" * (6 * MEGABYTE + 1)}]},
    "FolderContentSizeLimitExceeded": {
        "putFiles": [{"filePath": f"f{n}", "fileContent": bytes([65 + n]) * HALF} for n in range(2)]
    },
    "RestrictedSourceFile": {
        "putFiles": [{"filePath": "new.txt", "sourceFile": {"filePath": "folder/.gitkeep"}}]
    },
    "FileModeRequired": {"setFileModes": [{"filePath": "b.txt"}]},
    "InvalidFileMode": {"setFileModes": [{"filePath": "b.txt", "fileMode": "SETUID"}]},
    "NoChange": {"putFiles": [{"filePath": "b.txt", "fileContent": b"b\nmore\n"}]},
    "FileNameConflictsWithDirectoryName": {"putFiles": [{**FILE, "filePath": "folder"}]},
    "DirectoryNameConflictsWithFileName": {"putFiles": [{**FILE, "filePath": "b.txt/new.txt"}]},
    "FilePathConflictsWithSubmodulePath": {"putFiles": [{**FILE, "filePath": MODULE}]},
}
for error, more in COMMITS.items():
    wrong("CreateCommit", error, **more)

PUTS: dict[str, dict[str, Any]] = {
    "SameFileContent": {"filePath": "b.txt", "fileContent": b"b\nmore\n"},
    "FileNameConflictsWithDirectoryName": {"filePath": "folder"},
    "DirectoryNameConflictsWithFileName": {"filePath": "b.txt/new.txt"},
    "FilePathConflictsWithSubmodulePath": {"filePath": MODULE},
}
for error, more in PUTS.items():
    wrong("PutFile", error, **more)

provoke("GetBlobDifferences", "Validation", fresh_good("GetBlobDifferences", contextLines=21))

wrong("GetFile", "FileTooLarge", filePath=BIG)
for operation, named in (("GetBlob", "blobId"), ("GetBlobDifferences", "afterBlobId")):
    provoke(
        operation,
        "FileTooLarge",
        lambda world, operation=operation, named=named: {**good(operation, world), named: world.big},  # type: ignore[misc]  # bound early
    )

# --- merges -----------------------------------------------------------------------------------


def conflicting(world: World) -> Request:
    return {
        "repositoryName": world.name,
        "sourceCommitSpecifier": world.theirs,
        "destinationCommitSpecifier": world.ours,
    }


def conflict(operation: str, world: World) -> Request:
    """Return a good request of an operation that merges, on branches that conflict."""
    if operation in PULL_REQUEST_MERGES:
        return {
            "pullRequestId": world.pull_request(conflicting=True).number,
            "repositoryName": world.name,
        }
    more = {"mergeOption": "THREE_WAY_MERGE"} if operation == "CreateUnreferencedMergeCommit" else {}
    return conflicting(world) | more


for operation in (*BRANCH_MERGES, *PULL_REQUEST_MERGES, "CreateUnreferencedMergeCommit"):
    provoke(
        operation,
        "ManualMergeRequired",
        lambda world, operation=operation: conflict(operation, world),  # type: ignore[misc]  # bound early
    )
for operation in BRANCH_MERGES:
    wrong(operation, "BranchNameIsTagName", targetBranch=TAG)
    provoke(
        operation,
        "BranchNameRequired",
        lambda world, operation=operation: {  # type: ignore[misc]  # bound early
            **good(operation, world),
            "destinationCommitSpecifier": world.tip,
        },
    )
    wrong(operation, "InvalidTargetBranch", targetBranch="main")

OURS = {"filePath": "shared.txt", "replacementType": "KEEP_DESTINATION"}
NEW = {"filePath": "shared.txt", "replacementType": "USE_NEW_CONTENT"}
RESOLUTIONS: dict[str, dict[str, Any]] = {
    "MaximumConflictResolutionEntriesExceeded": {
        "replaceContents": [{**OURS, "filePath": f"f{n}"} for n in range(1_001)]
    },
    "MultipleConflictResolutionEntries": {"replaceContents": [OURS, OURS]},
    "ReplacementTypeRequired": {"replaceContents": [{"filePath": "shared.txt"}]},
    "InvalidReplacementType": {"replaceContents": [{**OURS, "replacementType": "KEEP_ALL"}]},
    "ReplacementContentRequired": {"replaceContents": [NEW]},
    "PathRequired": {"deleteFiles": [{}]},
    "InvalidPath": {"deleteFiles": [{"filePath": "../a"}]},
    "FileModeRequired": {"setFileModes": [{"filePath": "shared.txt"}]},
    "InvalidFileMode": {"setFileModes": [{"filePath": "shared.txt", "fileMode": "SETUID"}]},
    "FileContentSizeLimitExceeded": {"replaceContents": [{**NEW, "content": b"f" * (6 * MEGABYTE + 1)}]},
    "InvalidReplacementContent": {"replaceContents": [{**OURS, "content": b"of no use"}]},
}
for operation in RESOLVING:
    for error, resolution in RESOLUTIONS.items():
        if error == "FileModeRequired" and operation in PULL_REQUEST_MERGES:
            continue  # its model does not list it

        def resolving(
            world: World, operation: str = operation, resolution: dict[str, Any] = resolution
        ) -> Request:
            return {
                **conflict(operation, world),
                "conflictResolutionStrategy": "AUTOMERGE",
                "conflictResolution": resolution,
            }

        provoke(operation, error, resolving)
    provoke(
        operation,
        "InvalidConflictResolution",
        lambda world, operation=operation: {  # type: ignore[misc]  # bound early
            **conflict(operation, world),
            "conflictResolution": {"replaceContents": [OURS]},
        },
    )
    provoke(
        operation,
        "FolderContentSizeLimitExceeded",
        lambda world, operation=operation: {  # type: ignore[misc]  # bound early
            **conflict(operation, world),
            "conflictResolutionStrategy": "AUTOMERGE",
            "conflictResolution": {
                "replaceContents": [
                    {**NEW, "filePath": name, "content": bytes([65 + n]) * HALF}
                    for n, name in enumerate(("shared.txt", "b.txt"))
                ]
            },
        },
    )

wrong("GetMergeConflicts", "InvalidSourceCommitSpecifier", sourceCommitSpecifier="a..b")
wrong("GetMergeConflicts", "InvalidDestinationCommitSpecifier", destinationCommitSpecifier="a..b")

# --- pull requests ----------------------------------------------------------------------------


def target(world: World, **more: Any) -> Request:
    return {
        "repositoryName": world.name,
        "sourceReference": world.theirs,
        "destinationReference": world.ours,
        **more,
    }


def opening(error: str, **more: Any) -> None:
    provoke(
        "CreatePullRequest",
        error,
        lambda world: {"title": "A change", "targets": [target(world, **more)]},
    )


opening("InvalidRepositoryName", repositoryName="a.git")
opening("RepositoryDoesNotExist", repositoryName=NOT_THERE)
opening("InvalidReferenceName", sourceReference="a..b")
opening("ReferenceDoesNotExist", sourceReference=NOT_THERE)
opening("ReferenceTypeNotSupported", sourceReference=f"refs/tags/{TAG}")
for absent, error in (
    ("repositoryName", "RepositoryNameRequired"),
    ("sourceReference", "ReferenceNameRequired"),
):

    def less(world: World, absent: str = absent) -> Request:
        return {
            "title": "A change",
            "targets": [{key: value for key, value in target(world).items() if key != absent}],
        }

    provoke("CreatePullRequest", error, less)
provoke(
    "CreatePullRequest",
    "SourceAndDestinationAreSame",
    lambda world: {"title": "A change", "targets": [target(world, destinationReference=world.theirs)]},
)
provoke(
    "CreatePullRequest",
    "MultipleRepositoriesInPullRequest",
    lambda world: {
        "title": "A change",
        "targets": [target(world), target(world, repositoryName=world.service.repository())],
    },
)


provoke(
    "CreatePullRequest",
    "InvalidTargets",
    lambda world: {"title": "A change", "targets": [target(world), target(world, sourceReference="main")]},
)


def with_token(operation: str, member: str) -> None:
    """Send one token twice, the second time with another value of `member`."""

    def build(world: World) -> Request:
        request = {**good(operation, world), "clientRequestToken": fresh("token")}
        world.call(operation, request)
        return {**request, member: "another"}

    provoke(operation, "IdempotencyParameterMismatch", build)


with_token("CreatePullRequest", "title")
for operation in ("PostCommentForComparedCommit", "PostCommentForPullRequest", "PostCommentReply"):
    with_token(operation, "content")


for operation in (
    "CreatePullRequest",
    "PostCommentForComparedCommit",
    "PostCommentForPullRequest",
    "PostCommentReply",
):
    wrong(operation, "ClientRequestTokenRequired", clientRequestToken="")


def when_closed(operation: str) -> Build:
    def build(world: World) -> Request:
        request = good(operation, world)
        world.root.update_pull_request_status(
            pullRequestId=request["pullRequestId"], pullRequestStatus="CLOSED"
        )
        return request

    return build


for operation in (
    "CreatePullRequestApprovalRule",
    "DeletePullRequestApprovalRule",
    "OverridePullRequestApprovalRules",
    "UpdatePullRequestApprovalRuleContent",
    "UpdatePullRequestApprovalState",
    "UpdatePullRequestDescription",
    "UpdatePullRequestTitle",
    *PULL_REQUEST_MERGES,
):
    provoke(operation, "PullRequestAlreadyClosed", when_closed(operation))
provoke(
    "UpdatePullRequestStatus",
    "InvalidPullRequestStatusUpdate",
    lambda world: {"pullRequestId": world.closed().number, "pullRequestStatus": "OPEN"},
)
wrong("ListPullRequests", "AuthorDoesNotExist", authorArn="arn:aws:iam::111122223333:user/nobody")
wrong("DescribePullRequestEvents", "ActorDoesNotExist", actorArn="arn:aws:iam::111122223333:user/nobody")


for operation in PULL_REQUEST_MERGES:
    wrong(operation, "TipOfSourceReferenceIsDifferent", sourceCommitId=NO_COMMIT)

    def unapproved(world: World, operation: str = operation) -> Request:
        made = world.pull_request(ahead=operation.endswith("FastForward"))
        world.rule(made)
        return {"pullRequestId": made.number, "repositoryName": world.name}

    provoke(operation, "PullRequestApprovalRulesNotSatisfied", unapproved)
for operation in (*PULL_REQUEST_MERGES, "GetCommentsForPullRequest", "PostCommentForPullRequest"):

    def elsewhere(world: World, operation: str = operation) -> Request:
        more: Request = {"repositoryName": world.service.repository()}
        if operation == "GetCommentsForPullRequest":
            more |= {"beforeCommitId": world.first, "afterCommitId": world.tip}
        return {**good(operation, world), **more}

    provoke(operation, "RepositoryNotAssociatedWithPullRequest", elsewhere)

# --- approval rules and templates -------------------------------------------------------------


def second_rule(world: World) -> Request:
    made = world.pull_request()
    return {
        "pullRequestId": made.number,
        "approvalRuleName": world.rule(made),
        "approvalRuleContent": RULE,
    }


def full_of_rules(world: World) -> Request:
    made = world.pull_request()
    for _ in range(30):
        world.rule(made)
    return {"pullRequestId": made.number, "approvalRuleName": "one more", "approvalRuleContent": RULE}


provoke("CreatePullRequestApprovalRule", "ApprovalRuleNameAlreadyExists", second_rule)
provoke("CreatePullRequestApprovalRule", "NumberOfRulesExceeded", full_of_rules)


def from_template(world: World) -> tuple[PullRequest, str]:
    """Open a pull request that gets a rule from a template; return the rule's name."""
    source, destination = world.diverged()
    content = json.dumps({**json.loads(TEMPLATE), "DestinationReferences": [f"refs/heads/{destination}"]})
    name = world.template(used=True, content=content)
    made = world.root.create_pull_request(
        title="A change", targets=[target(world, sourceReference=source, destinationReference=destination)]
    )["pullRequest"]
    (rule,) = made["approvalRules"]
    assert rule["originApprovalRuleTemplate"]["approvalRuleTemplateName"] == name
    opened = PullRequest(made["pullRequestId"], made["revisionId"], source, destination, "", "")
    return opened, str(rule["approvalRuleName"])


def templated(**more: Any) -> Build:
    def build(world: World) -> Request:
        made, rule = from_template(world)
        return {"pullRequestId": made.number, "approvalRuleName": rule, **more}

    return build


provoke("DeletePullRequestApprovalRule", "CannotDeleteApprovalRuleFromTemplate", templated())
provoke(
    "UpdatePullRequestApprovalRuleContent",
    "CannotModifyApprovalRuleFromTemplate",
    templated(newRuleContent=NO_RULE),
)


def overridden(world: World) -> Request:
    request = good("OverridePullRequestApprovalRules", world)
    world.call("OverridePullRequestApprovalRules", request)
    return request


provoke("OverridePullRequestApprovalRules", "OverrideAlreadySet", overridden)
provoke(
    "UpdatePullRequestApprovalState",
    "PullRequestCannotBeApprovedByAuthor",
    lambda world: good("UpdatePullRequestApprovalState", world),
)
provoke(
    "CreateApprovalRuleTemplate",
    "ApprovalRuleTemplateNameAlreadyExists",
    lambda world: {
        "approvalRuleTemplateName": world.template(),
        "approvalRuleTemplateContent": TEMPLATE,
    },
)
provoke(
    "UpdateApprovalRuleTemplateName",
    "ApprovalRuleTemplateNameAlreadyExists",
    lambda world: {
        "oldApprovalRuleTemplateName": world.template(),
        "newApprovalRuleTemplateName": world.template(),
    },
)
provoke(
    "DeleteApprovalRuleTemplate",
    "ApprovalRuleTemplateInUse",
    lambda world: {"approvalRuleTemplateName": world.template(used=True)},
)


def full_of_templates(world: World) -> Request:
    repository = world.service.repository()
    for _ in range(25):
        world.root.associate_approval_rule_template_with_repository(
            approvalRuleTemplateName=world.template(), repositoryName=repository
        )
    return {"approvalRuleTemplateName": world.template(), "repositoryName": repository}


provoke(
    "AssociateApprovalRuleTemplateWithRepository",
    "MaximumRuleTemplatesAssociatedWithRepository",
    full_of_templates,
)

# --- comments ---------------------------------------------------------------------------------

OF_DELETED: dict[str, Request] = {
    "DeleteCommentContent": {},
    "GetComment": {},
    "GetCommentReactions": {},
    "PutCommentReaction": {"reactionValue": ":thumbsup:"},
    "UpdateComment": {"content": "Why?"},
}
for operation, member in OF_DELETED.items():
    provoke(
        operation,
        "CommentDeleted",
        lambda world, member=member: {"commentId": world.deleted_comment(), **member},  # type: ignore[misc]  # bound early
    )
provoke(
    "UpdateComment",
    "CommentNotCreatedByCaller",
    lambda world: {"commentId": world.comment(world.second), "content": "Not I"},
)
provoke(
    "GetCommentsForPullRequest",
    "RepositoryNameRequired",
    fresh_good("GetCommentsForPullRequest", beforeCommitId=NO_COMMIT, afterCommitId=NO_COMMIT),
)
provoke(
    "GetCommentsForPullRequest",
    "CommitIdRequired",
    lambda world: {**good("GetCommentsForPullRequest", world), "repositoryName": world.name},
)
for error, name in (
    ("InvalidRepositoryName", "a.git"),
    ("RepositoryDoesNotExist", NOT_THERE),
):
    wrong(
        "GetCommentsForPullRequest",
        error,
        repositoryName=name,
        beforeCommitId=NO_COMMIT,
        afterCommitId=NO_COMMIT,
    )
for error, commit in (("InvalidCommitId", "main"), ("CommitDoesNotExist", NO_COMMIT)):
    provoke(
        "GetCommentsForPullRequest",
        error,
        lambda world, commit=commit: {  # type: ignore[misc]  # bound early
            **good("GetCommentsForPullRequest", world),
            "repositoryName": world.name,
            "beforeCommitId": commit,
            "afterCommitId": world.tip,
        },
    )
AT: Request = {"filePath": "b.txt", "filePosition": 1, "relativeFileVersion": "AFTER"}
LOCATIONS: dict[str, Request] = {
    "InvalidFileLocation": {"filePosition": 1},
    "InvalidRelativeFileVersionEnum": {**AT, "relativeFileVersion": "DURING"},
    "PathRequired": {"filePosition": 1, "relativeFileVersion": "AFTER"},
    "InvalidFilePosition": {**AT, "filePosition": 1_000},
    "InvalidPath": {**AT, "filePath": "../a"},
    "PathDoesNotExist": {**AT, "filePath": "none.txt"},
}
for operation in ("PostCommentForComparedCommit", "PostCommentForPullRequest"):
    for error, more in LOCATIONS.items():
        wrong(operation, error, location=more)

    def same(world: World, operation: str = operation) -> Request:
        request = good(operation, world)
        return {**request, "beforeCommitId": request["afterCommitId"]}

    provoke(operation, "BeforeCommitIdAndAfterCommitIdAreSame", same)

# --- triggers ---------------------------------------------------------------------------------

OF_TRIGGERS: dict[str, Request] = {
    "InvalidRepositoryTriggerName": {"name": "a b"},
    "InvalidRepositoryTriggerDestinationArn": {"destinationArn": "arn:aws:s3:::bucket"},
    "InvalidRepositoryTriggerRegion": {"destinationArn": "arn:aws:sns:eu-west-1:111122223333:topic"},
    "InvalidRepositoryTriggerCustomData": {"customData": "d" * 1_001},
    "MaximumBranchesExceeded": {"branches": [f"b{n}" for n in range(11)]},
    "InvalidRepositoryTriggerBranchName": {"branches": ["a..b"]},
    "InvalidRepositoryTriggerEvents": {"events": ["all", "createReference"]},
}
ABSENT_OF_TRIGGERS = {
    "name": "RepositoryTriggerNameRequired",
    "destinationArn": "RepositoryTriggerDestinationArnRequired",
    "branches": "RepositoryTriggerBranchNameListRequired",
    "events": "RepositoryTriggerEventsListRequired",
}
for operation in ("PutRepositoryTriggers", "TestRepositoryTriggers"):
    for error, more in OF_TRIGGERS.items():
        wrong(operation, error, triggers=[{**TRIGGER, **more}])
    for absent, error in ABSENT_OF_TRIGGERS.items():
        rest = {key: value for key, value in TRIGGER.items() if key != absent}
        wrong(operation, error, triggers=[rest])
    wrong(
        operation,
        "MaximumRepositoryTriggersExceeded",
        triggers=[{**TRIGGER, "name": f"t{n}"} for n in range(11)],
    )
