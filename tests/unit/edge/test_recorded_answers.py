"""What changes were answered with is in their CloudTrail records; secrets of answers are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from doors_at_hand import HOST, Anybody, Doors, Sent, ask
from identities_at_hand import root_principal
from moorage.edge.recorded_parameters import HIDDEN
from moorage.storage import audit, cloudtrail
from repositories_at_hand import Desk


@dataclass
class Work:
    """The API's door, and what the audit has of what was asked there."""

    doors: Doors
    desk: Desk

    def codecommit(self, operation: str, **request: Any) -> dict[str, Any]:
        headers = {"host": HOST, "x-amz-target": f"CodeCommit_20150413.{operation}"}
        return self.record(ask(self.doors.api, "POST", "/", headers, json.dumps(request).encode()))

    def iam(self, action: str, **request: str) -> dict[str, Any]:
        headers = {"host": HOST, "content-type": "application/x-www-form-urlencoded"}
        form = {"Action": action, "Version": "2010-05-08", **request}
        return self.record(ask(self.doors.api, "POST", "/", headers, urlencode(form).encode()))

    def record(self, sent: Sent) -> dict[str, Any]:
        assert sent.status == 200, sent.body
        self.doors.audit.flush()
        with self.desk.installation.database.read() as connection:
            (row,) = audit.of_request(connection, sent.headers["x-amzn-requestid"])
        return cloudtrail.record(row)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    desk = Desk.at(tmp_path)
    yield Work(Doors.over(desk, Anybody(root_principal(desk.caller.account_id))), desk)
    desk.close()


def test_a_change_tells_what_it_was_answered_with(work: Work) -> None:
    made = work.codecommit("CreateRepository", repositoryName="demo")["responseElements"]
    told = made["repositoryMetadata"]
    assert (told["repositoryName"], told["arn"].rpartition(":")[2]) == ("demo", "demo")
    assert told["creationDate"].endswith((" AM", " PM"))
    put = work.codecommit(
        "PutFile", repositoryName="demo", branchName="main", filePath="a", fileContent="YQo="
    )["responseElements"]
    assert put["blobId"] == "78981922613b2afb6025042ff6bd878ac1994e85"
    assert put.keys() == {"commitId", "blobId", "treeId"}
    comment = work.codecommit(
        "PostCommentForComparedCommit",
        repositoryName="demo",
        afterCommitId=put["commitId"],
        content="Not for the audit",
    )["responseElements"]
    assert comment["comment"]["content"] == HIDDEN
    reply = {"commentId": comment["comment"]["commentId"], "content": "Nor this"}
    work.codecommit("PutCommentReaction", commentId=reply["commentId"], reactionValue=":eyes:")
    changed = work.codecommit("UpdateComment", **reply)["responseElements"]
    assert changed["comment"]["reactionCounts"] == {"EYES": 1}


def test_a_change_that_found_nothing_to_change_tells_its_answer_too(work: Work) -> None:
    work.codecommit("CreateRepository", repositoryName="demo")
    assert work.codecommit("DeleteRepository", repositoryName="none")["responseElements"] is None
    put = {"repositoryName": "demo", "branchName": "main", "filePath": "a", "fileContent": "YQo="}
    commit = work.codecommit("PutFile", **put)["responseElements"]["commitId"]
    merge = {"sourceCommitSpecifier": "main", "destinationCommitSpecifier": "main"}
    merged = work.codecommit("MergeBranchesByFastForward", repositoryName="demo", **merge)
    assert merged["responseElements"]["commitId"] == commit


def test_reads_and_empty_answers_tell_nothing(work: Work) -> None:
    work.codecommit("CreateRepository", repositoryName="demo")
    assert work.codecommit("GetRepository", repositoryName="demo")["responseElements"] is None
    new = {"oldName": "demo", "newName": "other"}
    assert work.codecommit("UpdateRepositoryName", **new)["responseElements"] is None


def test_a_secret_of_an_answer_is_hidden(work: Work) -> None:
    assert work.iam("CreateUser", UserName="mary")["responseElements"]["user"]["userName"] == "mary"
    key = work.iam("CreateAccessKey", UserName="mary")["responseElements"]["accessKey"]
    assert key["accessKeyId"].startswith("AKIA")
    assert key["secretAccessKey"] == HIDDEN
    asked = {"UserName": "mary", "ServiceName": "codecommit.amazonaws.com"}
    made = work.iam("CreateServiceSpecificCredential", **asked)["responseElements"]
    assert made["serviceSpecificCredential"]["servicePassword"] == HIDDEN
