"""Repository demo with a change to comment on, and who comments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from codecommit_at_hand import allow
from merges_at_hand import Files, Sides
from moorage.core.names import ObjectId
from moorage.storage import tables
from repositories_at_hand import Desk

BEFORE_FILES: Files = {"a.txt": "one\ntwo\n", "old.txt": "old\n", "docs/b.txt": "b"}
AFTER_FILES: Files = {"a.txt": "one\ntwo\nthree\n", "new.txt": "new", "docs/b.txt": "b"}


@dataclass
class Change:
    """Branch main at `before`, branch topic at `after`."""

    desk: Desk
    before: ObjectId
    after: ObjectId

    @classmethod
    def of(cls, desk: Desk) -> Change:
        sides = Sides.of(desk, BEFORE_FILES, BEFORE_FILES, AFTER_FILES)
        return cls(desk, sides.tip("main"), sides.tip("topic"))

    def by(self, name: str) -> Change:
        """Return the same, seen by a new user who may do everything."""
        return Change(self.desk.of_user(name, allow("codecommit:*")), self.before, self.after)

    def request(self, content: str = "Why?", **more: Any) -> dict[str, Any]:
        return {
            "repositoryName": "demo",
            "beforeCommitId": self.before,
            "afterCommitId": self.after,
            "content": content,
            **more,
        }

    def post(self, content: str = "Why?", **more: Any) -> dict[str, Any]:
        return self.desk.ask("PostCommentForComparedCommit", **self.request(content, **more))

    def comment(self, content: str = "Why?", **more: Any) -> str:
        return str(self.post(content, **more)["comment"]["commentId"])

    def reply(self, comment_id: str, content: str = "So.", **more: Any) -> dict[str, Any]:
        answer = self.desk.ask("PostCommentReply", inReplyTo=comment_id, content=content, **more)
        return dict(answer["comment"])

    def get(self, comment_id: str) -> dict[str, Any]:
        return dict(self.desk.ask("GetComment", commentId=comment_id)["comment"])

    def listed(self, **more: Any) -> list[dict[str, Any]]:
        answer = self.desk.ask(
            "GetCommentsForComparedCommit",
            repositoryName="demo",
            beforeCommitId=self.before,
            afterCommitId=self.after,
            **more,
        )
        return list(answer["commentsForComparedCommitData"])

    def pull_request(self) -> str:
        target = {"repositoryName": "demo", "sourceReference": "topic", "destinationReference": "main"}
        made = self.desk.ask("CreatePullRequest", title="A change", targets=[target])
        return str(made["pullRequest"]["pullRequestId"])

    def told(self, detail_type: str) -> list[dict[str, Any]]:
        """Return the details of all events of a type, oldest first."""
        outbox = tables.outbox
        with self.desk.call.database.read() as connection:
            query = select(outbox.c.detail).where(outbox.c.detail_type == detail_type)
            return [
                json.loads(detail)
                for detail in connection.execute(query.order_by(outbox.c.position)).scalars()
            ]


def texts(groups: list[dict[str, Any]]) -> list[list[str]]:
    """Return the texts of comments, place by place."""
    return [[comment["content"] for comment in group["comments"]] for group in groups]
