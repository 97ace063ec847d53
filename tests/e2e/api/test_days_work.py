"""A day's work from the first file to the merge: by both AWS CLIs, and by the SDK for JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dev
import pytest

from codecommit_at_hand import fresh
from codecommit_world import RULE
from e2e_names import POWER_USER, NewPerson
from person import AWS_V2, AwsCli, Person
from service_process import Service as Running
from service_process import serving

SCRIPT = Path(dev.JAVASCRIPT) / "days_work.mjs"
REVIEWS = "arn:aws:iam::aws:policy/AWSCodeCommitFullAccess"
NODE_PACKAGE = dev.NODE_PACKAGES / "node_modules" / "@aws-sdk" / "client-codecommit"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(tmp_path_factory.mktemp("days")) as up:
        yield up


@pytest.fixture
def new_person(tmp_path: Path, served: Running) -> NewPerson:
    """Make people with empty homes."""

    def make(aws_cli: AwsCli) -> Person:
        return Person(tmp_path / fresh("home"), aws_cli, served)

    return make


def signed_in(make: Callable[[AwsCli], Person], cli: AwsCli, key: tuple[str, str]) -> Person:
    person = make(cli)
    person.write_profile(key)
    person.use_a_quick_helper(key)
    person.name_in_commits()
    return person


def codecommit(person: Person, operation: str, **options: object) -> Any:
    """Run an `aws codecommit` command; return what it prints."""
    words = []
    for name, value in options.items():
        text = value if isinstance(value, str) else json.dumps(value)
        words += [f"--{name.replace('_', '-')}", text]
    printed = person.aws("codecommit", operation, *words)
    return json.loads(printed) if printed.strip() else None


def test_by_the_aws_cli(aws_cli: AwsCli, new_person: NewPerson, served: Running, tmp_path: Path) -> None:
    name = fresh("days-work")
    mary = signed_in(new_person, aws_cli, served.create_user(fresh("mary"), POWER_USER))
    li = signed_in(new_person, aws_cli, served.create_user(fresh("li"), REVIEWS))

    codecommit(mary, "create-repository", repository_name=name, tags={"team": "blue"})
    content = tmp_path / "days.txt"
    content.write_text("one\ntwo\n")
    first = codecommit(
        mary,
        "put-file",
        repository_name=name,
        branch_name="main",
        file_content=f"fileb://{content}",
        file_path="docs/days.txt",
        commit_message="Begin",
    )["commitId"]

    clone = mary.home / "clone"
    mary.ok("git", "clone", "--quiet", served.url(name), str(clone))
    codecommit(mary, "create-branch", repository_name=name, branch_name="topic", commit_id=first)
    mary.ok("git", "fetch", "--quiet", cwd=clone)
    mary.ok("git", "switch", "--quiet", "topic", cwd=clone)
    pushed = mary.commit(clone, "docs/days.txt", "one\ntwo\nthree\n")
    mary.ok("git", "push", "--quiet", "origin", "topic", cwd=clone)

    target = [{"repositoryName": name, "sourceReference": "topic", "destinationReference": "main"}]
    made = codecommit(mary, "create-pull-request", title="Count on", targets=target)["pullRequest"]
    number, revision = made["pullRequestId"], made["revisionId"]
    assert made["pullRequestTargets"][0]["sourceCommit"] == pushed
    codecommit(
        mary,
        "create-pull-request-approval-rule",
        pull_request_id=number,
        approval_rule_name="two eyes",
        approval_rule_content=RULE,
    )
    comment = codecommit(
        li,
        "post-comment-for-pull-request",
        pull_request_id=number,
        repository_name=name,
        before_commit_id=first,
        after_commit_id=pushed,
        content="Why three?",
        location={"filePath": "docs/days.txt", "filePosition": 3, "relativeFileVersion": "AFTER"},
    )["comment"]
    codecommit(mary, "post-comment-reply", in_reply_to=comment["commentId"], content="It is Wednesday.")
    merge = ("codecommit", "merge-pull-request-by-squash", "--repository-name", name)
    early = mary.aws_refused(*merge, "--pull-request-id", number)
    assert "PullRequestApprovalRulesNotSatisfiedException" in early
    codecommit(
        li,
        "update-pull-request-approval-state",
        pull_request_id=number,
        revision_id=revision,
        approval_state="APPROVE",
    )
    merged = json.loads(mary.aws(*merge, "--pull-request-id", number, "--commit-message", "Count on"))
    told = merged["pullRequest"]["pullRequestTargets"][0]["mergeMetadata"]
    assert (merged["pullRequest"]["pullRequestStatus"], told["isMerged"]) == ("CLOSED", True)

    mary.ok("git", "fetch", "--quiet", cwd=clone)
    assert mary.ok("git", "rev-parse", "origin/main", cwd=clone).strip() == told["mergeCommitId"]
    assert mary.ok("git", "show", "origin/main:docs/days.txt", cwd=clone) == "one\ntwo\nthree\n"
    if aws_cli is not AWS_V2:  # it is older than the operation
        file = {"repository_name": name, "file_path": "docs/days.txt"}
        history = codecommit(mary, "list-file-commit-history", **file)["revisionDag"]
        assert [each["commit"]["message"].strip() for each in history] == ["Count on", "Begin"]
    changed = codecommit(
        mary,
        "get-differences",
        repository_name=name,
        before_commit_specifier=first,
        after_commit_specifier="main",
    )["differences"]
    assert [(each["changeType"], each["afterBlob"]["path"]) for each in changed] == [("M", "docs/days.txt")]
    said = codecommit(mary, "get-comments-for-pull-request", pull_request_id=number)
    (thread,) = said["commentsForPullRequestData"]
    assert [each["content"] for each in thread["comments"]] == ["Why three?", "It is Wednesday."]


def test_by_the_sdk_for_javascript(
    aws_v1: AwsCli, new_person: NewPerson, served: Running, tmp_path: Path
) -> None:
    if not NODE_PACKAGE.exists():
        pytest.skip("the packages of tests/e2e/javascript are missing: run `python3 dev.py test`")
    name, key = fresh("days-work"), served.create_user(fresh("mary"), POWER_USER)
    mary = signed_in(new_person, aws_v1, key)
    reviewer = served.create_user(fresh("li"), REVIEWS)
    env = {
        "PACKAGES": str(dev.NODE_PACKAGES),
        "ENDPOINT": served.endpoint,
        "REPOSITORY": name,
        "URL": served.url(name),
        "WORK": str(mary.home),
        "NODE_EXTRA_CA_CERTS": str(served.ca),
        "AWS_REGION": "us-east-2",
        "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1],
        "REVIEWER_KEY_ID": reviewer[0],
        "REVIEWER_SECRET": reviewer[1],
    }
    assert json.loads(mary.ok(dev.node(), SCRIPT, env=env)) == {
        "approved": True,
        "changed": [["M", "docs/days.txt"]],
        "comments": ["Why three?", "It is Wednesday."],
        "early": "PullRequestApprovalRulesNotSatisfiedException",
        "history": ["Count on", "Begin"],
        "isMerged": True,
        "status": "CLOSED",
        "text": "one\ntwo\nthree\n",
        "tip": True,
    }
