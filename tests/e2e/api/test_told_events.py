"""Each change that the API makes is told in AWS's form: the right type, the right event, all its fields."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from codecommit_at_hand import Keys, Service
from codecommit_world import GOOD, NOT_FOR_AUTHORS, World, good
from service_process import ACCOUNT, serving

REPOSITORY = {"repositoryName", "repositoryId", "callerUserArn", "event"}
REFERENCE = REPOSITORY | {"referenceType", "referenceName", "referenceFullName"}
MERGE = {
    "baseCommitId",
    "sourceCommitId",
    "destinationCommitId",
    "mergeOption",
    "conflictDetailsLevel",
    "conflictResolutionStrategy",
}
PULL_REQUEST = {
    "event",
    "author",
    "callerUserArn",
    "creationDate",
    "lastModifiedDate",
    "title",
    "destinationCommit",
    "destinationReference",
    "sourceCommit",
    "sourceReference",
    "isMerged",
    "pullRequestId",
    "pullRequestStatus",
    "repositoryNames",
    "revisionId",
    "notificationBody",
}
RULE = PULL_REQUEST | {"approvalRuleId", "approvalRuleName", "approvalRuleContentSha256"}
COMMENT = {"event", "repositoryId", "repositoryName", "commentId", "callerUserArn", "notificationBody"}
TEMPLATE = {
    "event",
    "callerUserArn",
    "approvalRuleTemplateId",
    "approvalRuleTemplateName",
    "approvalRuleTemplateContentSha256",
    "creationDate",
    "lastModifiedDate",
    "notificationBody",
}
REACTION = {"event", "commentId", "callerUserArn", "reactionEmojis", "reactionShortcodes", "reactionUnicodes"}

# service.md section 8: what each event says at least. (detail-type, event) -> fields
TOLD: dict[tuple[str, str], set[str]] = {
    ("CodeCommit Repository State Change", "referenceCreated"): REFERENCE | {"commitId"},
    ("CodeCommit Repository State Change", "referenceUpdated"): REFERENCE | {"commitId", "oldCommitId"},
    ("CodeCommit Repository State Change", "referenceDeleted"): REFERENCE | {"oldCommitId"},
    ("CodeCommit Repository State Change", "unreferencedMergeCommitCreated"): REPOSITORY
    | MERGE
    | {"commitId"},
    **{
        ("CodeCommit Pull Request State Change", event): PULL_REQUEST
        for event in (
            "pullRequestCreated",
            "pullRequestSourceBranchUpdated",
            "pullRequestStatusChanged",
        )
    },
    ("CodeCommit Pull Request State Change", "pullRequestMergeStatusUpdated"): PULL_REQUEST | {"mergeOption"},
    ("CodeCommit Pull Request State Change", "pullRequestApprovalRuleCreated"): RULE,
    ("CodeCommit Pull Request State Change", "pullRequestApprovalRuleUpdated"): RULE,
    ("CodeCommit Pull Request State Change", "pullRequestApprovalRuleDeleted"): RULE,
    ("CodeCommit Pull Request State Change", "pullRequestApprovalRuleOverridden"): PULL_REQUEST
    | {"overrideStatus"},
    ("CodeCommit Pull Request State Change", "pullRequestApprovalStateChanged"): PULL_REQUEST
    | {"approvalStatus"},
    **{
        ("CodeCommit Comment on Commit", event): COMMENT | {"afterCommitId"}
        for event in ("commentOnCommitCreated", "commentOnCommitUpdated")
    },
    ("CodeCommit Comment on Pull Request", "commentOnPullRequestCreated"): COMMENT
    | {"pullRequestId", "beforeCommitId", "afterCommitId"},
    **{
        ("CodeCommit Approval Rule Template Change", event): TEMPLATE
        for event in (
            "approvalRuleTemplateCreated",
            "approvalRuleTemplateUpdated",
            "approvalRuleTemplateDeleted",
        )
    },
    **{
        ("CodeCommit Approval Rule Template Change", event): TEMPLATE | {"repositories"}
        for event in (
            "approvalRuleTemplateAssociatedWithRepository",
            "approvalRuleTemplateDisassociatedFromRepository",
            "batchAssociateApprovalRuleTemplateWithRepositories",
            "batchDisassociateApprovalRuleTemplateFromRepositories",
        )
    },
    ("CodeCommit Comment Reaction Change", "commentReactionCreated"): REACTION,
}

DATE = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{2}:\d{2}:\d{2} [A-Z]+ \d{4}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """Ask every operation once, with what is left to happen besides; return what was told."""
    folder = tmp_path_factory.mktemp("told")
    file = folder / "events.jsonl"
    with serving(folder, "--events-file", str(file)) as running:
        service = Service(running.endpoint, running.ca, ACCOUNT, Keys(running.key_id, running.secret))
        world = World(service, folder / "pushed")
        for operation in GOOD:
            keys = world.second if operation in NOT_FOR_AUTHORS else None
            world.call(operation, good(operation, world), keys)
        moved = world.pull_request()
        world.move(moved.source, moved.source_commit)
        last = world.service.repository()
        world.root.put_file(
            repositoryName=last, branchName="main", filePath="last", fileContent=b"the last of all\n"
        )
        deadline = time.monotonic() + 60
        while not (file.exists() and last in file.read_text()):
            assert time.monotonic() < deadline, running.log[-3000:]
        yield [json.loads(line) for line in file.read_text().splitlines()]


def test_every_kind_of_event_is_told(told: list[dict[str, Any]]) -> None:
    seen = {(each["detail-type"], each["detail"]["event"]) for each in told}
    assert set(TOLD) - seen == set()


def test_every_event_has_all_its_fields(told: list[dict[str, Any]]) -> None:
    for each in told:
        wanted = TOLD.get((each["detail-type"], each["detail"]["event"]))
        assert wanted is not None, each
        assert wanted - each["detail"].keys() == set(), each


def test_events_name_their_repository_and_those_of_templates_none(told: list[dict[str, Any]]) -> None:
    for each in told:
        of_templates = each["detail-type"] == "CodeCommit Approval Rule Template Change"
        assert bool(each["resources"]) != of_templates, each
        assert each["account"] == ACCOUNT
        assert (each["version"], each["source"], each["region"]) == ("0", "aws.codecommit", "us-east-2")


def test_dates_are_in_english_and_truth_is_text(told: list[dict[str, Any]]) -> None:
    for each in told:
        for name in ("creationDate", "lastModifiedDate"):
            if name in each["detail"]:
                assert DATE.fullmatch(each["detail"][name]), each
        assert each["detail"].get("isMerged", "True") in {"True", "False"}
        assert each["detail"].get("pullRequestStatus", "Open") in {"Open", "Closed"}
