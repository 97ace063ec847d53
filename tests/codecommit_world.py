"""A repository full of what the CodeCommit API is about, and one good request for each operation on it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore import xform_name

from codecommit_at_hand import Keys, Service, allow, deny, fresh, git

Request = dict[str, Any]

# Of no object, comment, revision or pull request, though each has the right form.
NO_COMMIT = "0" * 39 + "1"
NO_COMMENT = ":".join(["00000000-0000-4000-8000-000000000001"] * 2)
NO_REVISION = "0" * 63 + "1"
NO_PULL_REQUEST = "999999999"
NOT_THERE = "not-there"

TAG, MODULE, BIG = "tagged", "module", "big.bin"
API_FILE_BYTES = 6 << 20

SHARED = "".join(f"line {number}\n" for number in range(1, 31))
RULE = json.dumps(
    {"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}]}
)
NO_RULE = json.dumps(
    {"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 0}]}
)
TEMPLATE = json.dumps(
    {
        "Version": "2018-11-08",
        "DestinationReferences": ["refs/heads/none-such"],
        "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}],
    }
)


@dataclass(frozen=True)
class PullRequest:
    """An open pull request of its own two branches, which diverged and do not conflict."""

    number: str
    revision: str
    source: str
    destination: str
    source_commit: str
    destination_commit: str


@dataclass(eq=False)
class World:
    """One account's repository, as tests of every operation need it.

    What no operation can make (a tag, a submodule, a file beyond the API's limit) stock git pushed.
    """

    service: Service
    folder: Path
    name: str = field(init=False)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.name = self.service.repository()
        self.root: Any = self.service.codecommit(check=False)
        self.first = self._pushed()
        self.tip = self._commit("main", {"b.txt": "b\nmore\n"}, parent=self.first)
        self.keyless: Keys = self.service.user(allow("codecommit:*"), deny("kms:*"))
        self.second: Keys = self.service.user(allow("codecommit:*"))
        # Two branches that changed one line in two ways.
        self.ours, self.theirs = self._branch(self.tip), self._branch(self.tip)
        for branch in (self.ours, self.theirs):
            self._commit(branch, {"shared.txt": SHARED.replace("line 5\n", f"{branch}\n")}, parent=self.tip)
        self.blobs = [self._blob(self.first), self._blob(self.tip)]

    @property
    def arn(self) -> str:
        return self.service.arn(self.name)

    def call(self, operation: str, request: Request, keys: Keys | None = None) -> Any:
        """Send a request as it is, unchecked by the SDK."""
        client: Any = self.service.codecommit(keys=keys, check=False)
        return getattr(client, xform_name(operation))(**request)

    def _pushed(self) -> str:
        """Push the first commit of main, and a tag; return the commit's id."""
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        for path, text in {"shared.txt": SHARED, "folder/a.txt": "a\n", "b.txt": "b\n"}.items():
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text)
        (self.folder / BIG).write_bytes(b"\0" * (API_FILE_BYTES + 1))
        git(self.folder, "add", ".")
        git(self.folder, "update-index", "--add", "--cacheinfo", f"160000,{NO_COMMIT},{MODULE}")
        git(self.folder, "commit", "--quiet", "--message", "Begin")
        git(self.folder, "tag", TAG)
        self.service.git(self.folder, self.name, "push", "--quiet", "URL", "main", TAG)
        self.big = git(self.folder, "rev-parse", f"HEAD:{BIG}")
        return git(self.folder, "rev-parse", "HEAD")

    def _commit(self, branch: str, files: dict[str, str], parent: str | None = None) -> str:
        more = {"parentCommitId": parent} if parent else {}
        put = [{"filePath": path, "fileContent": text.encode()} for path, text in files.items()]
        made = self.root.create_commit(repositoryName=self.name, branchName=branch, putFiles=put, **more)
        return str(made["commitId"])

    def _branch(self, commit: str) -> str:
        branch = fresh("branch")
        self.root.create_branch(repositoryName=self.name, branchName=branch, commitId=commit)
        return branch

    def _blob(self, commit: str) -> str:
        found = self.root.get_file(repositoryName=self.name, commitSpecifier=commit, filePath="b.txt")
        return str(found["blobId"])

    def branch(self) -> str:
        """Make a branch at the tip of main, which it does not leave."""
        return self._branch(self.tip)

    def ahead(self) -> tuple[str, str]:
        """Make two branches, the first one commit ahead of the second."""
        source, destination = self._branch(self.tip), self._branch(self.tip)
        self.move(source, self.tip)
        return source, destination

    def diverged(self) -> tuple[str, str]:
        """Make two branches that added one file each."""
        source, destination = self.ahead()
        self.move(destination, self.tip)
        return source, destination

    def move(self, branch: str, parent: str) -> str:
        """Add a commit with a new file to a branch."""
        name = f"new-{next(self._numbers)}.txt"
        return self._commit(branch, {name: f"{name}\n"}, parent)

    def pull_request(self, *, ahead: bool = False, conflicting: bool = False) -> PullRequest:
        """Open a pull request; the account's root user is its author."""
        if conflicting:
            source, destination = self.theirs, self.ours
        else:
            source, destination = self.ahead() if ahead else self.diverged()
        target = {
            "repositoryName": self.name,
            "sourceReference": source,
            "destinationReference": destination,
        }
        made = self.root.create_pull_request(title="A change", targets=[target])["pullRequest"]
        shown = made["pullRequestTargets"][0]
        return PullRequest(
            made["pullRequestId"],
            made["revisionId"],
            source,
            destination,
            shown["sourceCommit"],
            shown["destinationCommit"],
        )

    def closed(self) -> PullRequest:
        made = self.pull_request()
        self.root.update_pull_request_status(pullRequestId=made.number, pullRequestStatus="CLOSED")
        return made

    def rule(self, pull_request: PullRequest, content: str = RULE) -> str:
        name = fresh("rule")
        self.root.create_pull_request_approval_rule(
            pullRequestId=pull_request.number, approvalRuleName=name, approvalRuleContent=content
        )
        return name

    def template(self, *, used: bool = False, content: str = TEMPLATE) -> str:
        name = fresh("template")
        self.root.create_approval_rule_template(
            approvalRuleTemplateName=name, approvalRuleTemplateContent=content
        )
        if used:
            self.root.associate_approval_rule_template_with_repository(
                approvalRuleTemplateName=name, repositoryName=self.name
            )
        return name

    def comment(self, keys: Keys | None = None) -> str:
        """Post a comment on main's two commits; return its id."""
        made = self.call("PostCommentForComparedCommit", good("PostCommentForComparedCommit", self), keys)
        return str(made["comment"]["commentId"])

    def deleted_comment(self) -> str:
        comment = self.comment()
        self.root.delete_comment_content(commentId=comment)
        return comment


def good(operation: str, world: World) -> Request:
    """Return a request that the operation answers, with newly made things where it changes any."""
    return GOOD[operation](world)


Build = Callable[[World], Request]

TRIGGER: Request = {
    "name": "ring",
    "destinationArn": "arn:aws:sns:us-east-2:111122223333:topic",
    "branches": [],
    "events": ["all"],
}


def _named(**more: Any) -> Build:
    return lambda world: {"repositoryName": world.name, **more}


def _merge(**more: Any) -> Build:
    return lambda world: {
        "repositoryName": world.name,
        "sourceCommitSpecifier": world.theirs,
        "destinationCommitSpecifier": world.ours,
        **more,
    }


def _diverged(world: World) -> Request:
    source, destination = world.diverged()
    return {
        "repositoryName": world.name,
        "sourceCommitSpecifier": source,
        "destinationCommitSpecifier": destination,
    }


def _ahead(world: World) -> Request:
    source, destination = world.ahead()
    return {
        "repositoryName": world.name,
        "sourceCommitSpecifier": source,
        "destinationCommitSpecifier": destination,
    }


def _pull_request(**more: Any) -> Build:
    return lambda world: {"pullRequestId": world.pull_request().number, **more}


def _merged(*, ahead: bool = False) -> Build:
    return lambda world: {
        "pullRequestId": world.pull_request(ahead=ahead).number,
        "repositoryName": world.name,
    }


def _revision(**more: Any) -> Build:
    def build(world: World) -> Request:
        made = world.pull_request()
        return {"pullRequestId": made.number, "revisionId": made.revision, **more}

    return build


def _rule(**more: Any) -> Build:
    def build(world: World) -> Request:
        made = world.pull_request()
        return {"pullRequestId": made.number, "approvalRuleName": world.rule(made), **more}

    return build


def _template(**more: Any) -> Build:
    return lambda world: {"approvalRuleTemplateName": world.template(), **more}


def _template_here(*, used: bool, many: bool = False) -> Build:
    def build(world: World) -> Request:
        repository = world.service.repository()
        place: Request = {"repositoryNames": [repository]} if many else {"repositoryName": repository}
        name = world.template()
        if used:
            world.root.associate_approval_rule_template_with_repository(
                approvalRuleTemplateName=name, repositoryName=repository
            )
        return {"approvalRuleTemplateName": name, **place}

    return build


def _comment(**more: Any) -> Build:
    return lambda world: {"commentId": world.comment(), **more}


def _file_on_branch(**more: Any) -> Build:
    def build(world: World) -> Request:
        return {
            "repositoryName": world.name,
            "branchName": world.branch(),
            "parentCommitId": world.tip,
            **more,
        }

    return build


def _comment_on_pull_request(world: World) -> Request:
    made = world.pull_request()
    return {
        "pullRequestId": made.number,
        "repositoryName": world.name,
        "beforeCommitId": made.destination_commit,
        "afterCommitId": made.source_commit,
        "content": "Why?",
    }


def _with_merge_commit(world: World) -> Request:
    request = _diverged(world)
    world.root.create_unreferenced_merge_commit(mergeOption="THREE_WAY_MERGE", **request)
    return request


GOOD: dict[str, Build] = {
    "AssociateApprovalRuleTemplateWithRepository": _template_here(used=False),
    "BatchAssociateApprovalRuleTemplateWithRepositories": _template_here(used=False, many=True),
    "BatchDescribeMergeConflicts": _merge(mergeOption="THREE_WAY_MERGE"),
    "BatchDisassociateApprovalRuleTemplateFromRepositories": _template_here(used=True, many=True),
    "BatchGetCommits": lambda world: {"repositoryName": world.name, "commitIds": [world.tip]},
    "BatchGetRepositories": lambda world: {"repositoryNames": [world.name]},
    "CreateApprovalRuleTemplate": lambda _: {
        "approvalRuleTemplateName": fresh("template"),
        "approvalRuleTemplateContent": TEMPLATE,
    },
    "CreateBranch": lambda world: {
        "repositoryName": world.name,
        "branchName": fresh("branch"),
        "commitId": world.tip,
    },
    "CreateCommit": _file_on_branch(putFiles=[{"filePath": "new.txt", "fileContent": b"new\n"}]),
    "CreatePullRequest": lambda world: {
        "title": "A change",
        "targets": [
            {
                "repositoryName": world.name,
                "sourceReference": world.theirs,
                "destinationReference": world.ours,
            }
        ],
    },
    "CreatePullRequestApprovalRule": _pull_request(approvalRuleName="two eyes", approvalRuleContent=RULE),
    "CreateRepository": lambda _: {"repositoryName": fresh("repository")},
    "CreateUnreferencedMergeCommit": lambda world: {**_diverged(world), "mergeOption": "THREE_WAY_MERGE"},
    "DeleteApprovalRuleTemplate": _template(),
    "DeleteBranch": lambda world: {"repositoryName": world.name, "branchName": world.branch()},
    "DeleteCommentContent": _comment(),
    "DeleteFile": _file_on_branch(filePath="b.txt"),
    "DeletePullRequestApprovalRule": _rule(),
    "DeleteRepository": lambda world: {"repositoryName": world.service.repository()},
    "DescribeMergeConflicts": _merge(mergeOption="THREE_WAY_MERGE", filePath="shared.txt"),
    "DescribePullRequestEvents": _pull_request(),
    "DisassociateApprovalRuleTemplateFromRepository": _template_here(used=True),
    "EvaluatePullRequestApprovalRules": _revision(),
    "GetApprovalRuleTemplate": _template(),
    "GetBlob": lambda world: {"repositoryName": world.name, "blobId": world.blobs[0]},
    "GetBlobDifferences": lambda world: {
        "repositoryName": world.name,
        "beforeBlobId": world.blobs[0],
        "afterBlobId": world.blobs[1],
    },
    "GetBranch": _named(branchName="main"),
    "GetComment": _comment(),
    "GetCommentReactions": _comment(),
    "GetCommentsForComparedCommit": lambda world: {
        "repositoryName": world.name,
        "beforeCommitId": world.first,
        "afterCommitId": world.tip,
    },
    "GetCommentsForPullRequest": _pull_request(),
    "GetCommit": lambda world: {"repositoryName": world.name, "commitId": world.tip},
    "GetDifferences": lambda world: {"repositoryName": world.name, "afterCommitSpecifier": world.tip},
    "GetFile": _named(filePath="b.txt"),
    "GetFolder": _named(folderPath="folder"),
    "GetMergeCommit": _with_merge_commit,
    "GetMergeConflicts": _merge(mergeOption="THREE_WAY_MERGE"),
    "GetMergeOptions": _merge(),
    "GetPullRequest": _pull_request(),
    "GetPullRequestApprovalStates": _revision(),
    "GetPullRequestOverrideState": _revision(),
    "GetRepository": _named(),
    "GetRepositoryTriggers": _named(),
    "ListApprovalRuleTemplates": lambda _: {},
    "ListAssociatedApprovalRuleTemplatesForRepository": _named(),
    "ListBranches": _named(),
    "ListFileCommitHistory": _named(filePath="b.txt"),
    "ListPullRequests": _named(),
    "ListRepositories": lambda _: {},
    # Of a repository, whose key it then needs.
    "ListRepositoriesForApprovalRuleTemplate": lambda world: {
        "approvalRuleTemplateName": _template_here(used=True)(world)["approvalRuleTemplateName"]
    },
    "ListTagsForResource": lambda world: {"resourceArn": world.arn},
    "MergeBranchesByFastForward": _ahead,
    "MergeBranchesBySquash": _diverged,
    "MergeBranchesByThreeWay": _diverged,
    "MergePullRequestByFastForward": _merged(ahead=True),
    "MergePullRequestBySquash": _merged(),
    "MergePullRequestByThreeWay": _merged(),
    "OverridePullRequestApprovalRules": _revision(overrideStatus="OVERRIDE"),
    "PostCommentForComparedCommit": lambda world: {
        "repositoryName": world.name,
        "beforeCommitId": world.first,
        "afterCommitId": world.tip,
        "content": "Why?",
    },
    "PostCommentForPullRequest": _comment_on_pull_request,
    "PostCommentReply": lambda world: {"inReplyTo": world.comment(), "content": "So."},
    "PutCommentReaction": _comment(reactionValue=":thumbsup:"),
    "PutFile": _file_on_branch(filePath="new.txt", fileContent=b"new\n"),
    "PutRepositoryTriggers": _named(triggers=[TRIGGER]),
    "TagResource": lambda world: {"resourceArn": world.arn, "tags": {"team": "blue"}},
    "TestRepositoryTriggers": _named(triggers=[TRIGGER]),
    "UntagResource": lambda world: {"resourceArn": world.arn, "tagKeys": ["team"]},
    "UpdateApprovalRuleTemplateContent": _template(newRuleContent=TEMPLATE),
    "UpdateApprovalRuleTemplateDescription": _template(approvalRuleTemplateDescription="For all"),
    "UpdateApprovalRuleTemplateName": lambda world: {
        "oldApprovalRuleTemplateName": world.template(),
        "newApprovalRuleTemplateName": fresh("template"),
    },
    "UpdateComment": _comment(content="Why so?"),
    "UpdateDefaultBranch": _named(defaultBranchName="main"),
    "UpdatePullRequestApprovalRuleContent": _rule(newRuleContent=NO_RULE),
    # An author cannot approve: see NOT_FOR_AUTHORS.
    "UpdatePullRequestApprovalState": _revision(approvalState="APPROVE"),
    "UpdatePullRequestDescription": _pull_request(description="Why and how"),
    "UpdatePullRequestStatus": _pull_request(pullRequestStatus="CLOSED"),
    "UpdatePullRequestTitle": _pull_request(title="Another title"),
    "UpdateRepositoryDescription": _named(repositoryDescription="A sample"),
    "UpdateRepositoryEncryptionKey": _named(kmsKeyId="alias/aws/codecommit"),
    "UpdateRepositoryName": lambda world: {
        "oldName": world.service.repository(),
        "newName": fresh("repository"),
    },
}

# Operations that the account's root user, the author of everything here, may not do.
NOT_FOR_AUTHORS = frozenset({"UpdatePullRequestApprovalState"})
