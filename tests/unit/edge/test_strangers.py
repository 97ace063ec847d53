"""Refused logins: explained by their request ids, and no way to fill the table."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from doors_at_hand import HOST, Doors, ask
from moorage.auth.authenticate import Authenticator
from moorage.core.clock import SystemClock
from moorage.storage import audit, audit_batch
from moorage.storage.audit import AuditEvent
from repositories_at_hand import REGION, Desk


class Logins:
    """Doors at which nobody gets in, and what they leave in the audit."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        installation = desk.installation
        authenticator = Authenticator(
            installation.database,
            installation.root_key,
            regions=desk.call.regions,
            clock=SystemClock(),
            default_region=REGION,
        )
        self.doors = Doors.over(desk, authenticator)

    def git(self, login: str | None) -> str:
        """Ask as git does; return the request's id."""
        headers = {"host": HOST}
        if login is not None:
            headers["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        path = "/v1/repos/demo/info/refs"
        sent = ask(self.doors.git, "GET", path, headers, query="service=git-receive-pack")
        assert sent.status == 401
        return sent.headers["x-amzn-requestid"]

    def rows(self, request_id: str) -> list[AuditEvent]:
        self.doors.audit.flush()
        with self.desk.installation.database.read() as connection:
            return audit.of_request(connection, request_id)


@pytest.fixture
def logins(tmp_path: Path) -> Iterator[Logins]:
    desk = Desk.at(tmp_path)
    yield Logins(desk)
    desk.close()


def test_a_refused_git_login_is_kept_with_the_reason_that_only_the_log_has(logins: Logins) -> None:
    (row,) = logins.rows(logins.git("AKIAIOSFODNN7EXAMPLE:20261124T120000Z" + "a" * 64))
    assert (row.action, row.resource_arn, row.outcome) == ("codecommit:GitPush", "/v1/repos/demo", "denied")
    assert (row.account_id, row.principal_arn) == ("", "")
    detail = json.loads(row.detail)
    assert detail["errorCode"] == "InvalidClientTokenId"
    assert "aaaa" not in row.detail  # nothing of the password


def test_a_refused_api_login_is_kept(logins: Logins) -> None:
    headers = {
        "host": HOST,
        "x-amz-target": "CodeCommit_20150413.ListRepositories",
        "x-amz-date": "20261124T120000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261124/us-east-1/codecommit/"
        f"aws4_request, SignedHeaders=host;x-amz-date, Signature={'b' * 64}",
    }
    sent = ask(logins.doors.api, "POST", "/", headers, b"{}")
    assert sent.status == 400
    (row,) = logins.rows(sent.headers["x-amzn-requestid"])
    assert (row.action, row.outcome) == ("codecommit:ListRepositories", "denied")


def test_gits_first_question_without_a_login_leaves_nothing(logins: Logins) -> None:
    assert logins.rows(logins.git(None)) == []
    assert logins.rows(logins.git("mary:")) == []


def test_a_flood_of_logins_leaves_so_many_rows_a_minute(
    logins: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_batch, "STRANGERS_A_MINUTE", 3)
    kept = [bool(logins.rows(logins.git("nobody:wrong"))) for _ in range(8)]
    assert 3 <= sum(kept) <= 6  # a minute may have turned meanwhile
    assert kept[:3] == [True, True, True]
