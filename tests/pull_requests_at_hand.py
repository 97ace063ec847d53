"""A repository with a pull request, at the desk of the CodeCommit API."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from moorage.core.names import ObjectId
from moorage.storage import tables
from repositories_at_hand import Desk

_contents = itertools.count(1)


@dataclass
class Work:
    """Repository Demo: main and feature at the same commit, main the default branch."""

    desk: Desk
    name: str = "Demo"
    start: ObjectId = field(default=ObjectId(""))

    @classmethod
    def at(cls, desk: Desk, folder: Path, name: str = "Demo") -> Work:
        desk.repository(name)
        made = desk.fill(name, folder / f"local-{name}", {"main": 1, "feature": 1, "other": 0})
        return cls(desk, name, made[1])

    def by(self, desk: Desk) -> Work:
        """Return the same repository at another caller's desk."""
        return Work(desk, self.name, self.start)

    def commit(self, branch: str, path: str = "") -> ObjectId:
        """Add a commit to a branch, with new content."""
        number = next(_contents)
        made = self.desk.ask(
            "PutFile",
            repositoryName=self.name,
            branchName=branch,
            fileContent=base64.b64encode(b"%d" % number).decode(),
            filePath=path or f"{number}.txt",
            parentCommitId=self.tip(branch),
        )
        return ObjectId(made["commitId"])

    def tip(self, branch: str) -> ObjectId:
        found = self.desk.open(self.name).snapshot.ref(f"refs/heads/{branch}".encode())
        assert found is not None
        return found

    def request(self, source: str = "feature", destination: str | None = "main", **more: Any) -> str:
        """Open a pull request; return its id."""
        target = {"repositoryName": self.name, "sourceReference": source}
        if destination is not None:
            target["destinationReference"] = destination
        made = self.desk.ask("CreatePullRequest", **{"title": "Title", "targets": [target], **more})
        return str(made["pullRequest"]["pullRequestId"])

    def get(self, number: str) -> dict[str, Any]:
        return dict(self.desk.ask("GetPullRequest", pullRequestId=number)["pullRequest"])

    def target(self, number: str) -> dict[str, Any]:
        return dict(self.get(number)["pullRequestTargets"][0])

    def merge(self, number: str, how: str = "FastForward", **more: Any) -> dict[str, Any]:
        answer = self.desk.ask(
            f"MergePullRequestBy{how}", pullRequestId=number, repositoryName=self.name, **more
        )
        return dict(answer["pullRequest"])

    def merge_branches(self, source: str, destination: str, how: str = "FastForward") -> ObjectId:
        """Merge without a pull request."""
        made = self.desk.ask(
            f"MergeBranchesBy{how}",
            repositoryName=self.name,
            sourceCommitSpecifier=source,
            destinationCommitSpecifier=destination,
        )
        return ObjectId(made["commitId"])

    def delete(self, branch: str) -> None:
        self.desk.ask("DeleteBranch", repositoryName=self.name, branchName=branch)

    def history(self, number: str, **more: Any) -> list[dict[str, Any]]:
        answer = self.desk.ask("DescribePullRequestEvents", pullRequestId=number, **more)
        return list(answer["pullRequestEvents"])

    def kinds(self, number: str) -> list[str]:
        """Return the types of a pull request's events, without what they all begin with."""
        found = self.history(number)
        return [event["pullRequestEventType"].removeprefix("PULL_REQUEST_") for event in found]

    def require_approval(self, number: str, name: str = "Two eyes") -> None:
        """Give a pull request a rule that nobody has met."""
        content: Mapping[str, Any] = {
            "Version": "2018-11-08",
            "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}],
        }
        self.desk.ask(
            "CreatePullRequestApprovalRule",
            pullRequestId=number,
            approvalRuleName=name,
            approvalRuleContent=json.dumps(content),
        )

    def told(self) -> list[dict[str, Any]]:
        """Return the details of the events about pull requests that others are told, in order."""
        with self.desk.call.database.read() as connection:
            found = connection.execute(
                select(tables.outbox.c.detail)
                .where(tables.outbox.c.detail_type == "CodeCommit Pull Request State Change")
                .order_by(tables.outbox.c.position)
            )
            return [json.loads(detail) for detail in found.scalars()]
