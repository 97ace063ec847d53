"""What a request costs in queries, counted at the driver, so that another one cannot creep in unseen."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import event, update
from sqlalchemy.engine import Engine

from doors_at_hand import HOST, Doors, ask
from identities_at_hand import ACCOUNT
from moorage.auth.authenticate import Authenticator
from moorage.auth.sessions import open_role_session
from moorage.core.clock import SystemClock
from moorage.core.sigv4 import git_password
from moorage.storage import access_keys, attachments, roles, tables
from moorage.storage.attachments import InlinePolicyRow
from repositories_at_hand import REGION, Desk

ALLOW = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
TAGGED = ALLOW | {"Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}


@dataclass
class Signed:
    """Both doors over a desk, and the key of an IAM user."""

    desk: Desk
    doors: Doors
    access_key_id: str
    secret: str
    token: str | None = None

    def as_role_session(self) -> Signed:
        """Return the doors as a session of a new role with mary's policy has them."""
        installation = self.desk.installation
        document = json.dumps({"Version": "2012-10-17", "Statement": [TAGGED]})
        with installation.database.write() as connection:
            role = roles.create(connection, ACCOUNT, "builder", path="/", trust_policy="{}", now_ms=1)
            attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(role.role_id, "tests", document))
        opened = open_role_session(
            installation.root_key,
            secrets.token_bytes,
            role,
            partition="aws",
            name="nightly",
            now=SystemClock().now(),
            seconds=900,
        ).credentials
        return replace(
            self,
            access_key_id=opened.access_key_id,
            secret=opened.secret.reveal(),
            token=opened.session_token.reveal(),
        )

    def get_repository(self, name: str) -> tuple[int, bytes]:
        body = json.dumps({"repositoryName": name}).encode()
        request = AWSRequest(
            "POST",
            f"https://{HOST}/",
            headers={"X-Amz-Target": "CodeCommit_20150413.GetRepository", "Host": HOST},
            data=body,
        )
        credentials = Credentials(self.access_key_id, self.secret, self.token)
        SigV4Auth(credentials, "codecommit", REGION).add_auth(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = ask(self.doors.api, "POST", "/", headers, body)
        return sent.status, sent.body

    def info_refs(self, name: str, service: str) -> tuple[int, bytes]:
        path = f"/v1/repos/{name}"
        password = git_password(HOST, path, secret=self.secret, region=REGION, now=SystemClock().now())
        login = base64.b64encode(f"{self.access_key_id}:{password}".encode()).decode()
        headers = {"host": HOST, "authorization": f"Basic {login}", "git-protocol": "version=2"}
        sent = ask(self.doors.git, "GET", f"{path}/info/refs", headers, query=f"service={service}")
        return sent.status, sent.body


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Signed]:
    desk = Desk.at(tmp_path)
    database, root_key = desk.installation.database, desk.installation.root_key
    user = desk.installation.add_user("mary")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TAGGED]})
    with database.write() as connection:
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(user.user_id, "tests", document))
        key = access_keys.create(connection, root_key, ACCOUNT, user.user_id, now_ms=1)
    desk.repository("demo", tags={"team": "blue", "empty": ""})
    authenticator = Authenticator(
        database, root_key, regions=desk.call.regions, clock=SystemClock(), default_region=REGION
    )
    yield Signed(desk, Doors.over(desk, authenticator), key.access_key_id, key.secret.reveal())
    desk.close()


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that ask or change something; those that begin a transaction are left out."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_get_repository_asks_who_calls_and_how_things_stand_and_nothing_else(doors: Signed) -> None:
    assert doors.get_repository("demo")[0] == 200
    with counted() as statements:
        assert doors.get_repository("demo")[0] == 200
    assert len(statements) == 2, statements


def test_a_role_session_costs_no_more(doors: Signed) -> None:
    session = doors.as_role_session()
    assert session.get_repository("demo")[0] == 200
    with counted() as statements:
        assert session.get_repository("demo")[0] == 200
    assert len(statements) == 2, statements


def test_the_first_request_of_a_fetch_asks_two_questions(doors: Signed) -> None:
    assert doors.info_refs("demo", "git-upload-pack")[0] == 200
    with counted() as statements:
        assert doors.info_refs("demo", "git-upload-pack")[0] == 200
    assert len(statements) == 2, statements


def test_the_first_request_of_a_push_asks_two_questions_and_writes_its_grace(doors: Signed) -> None:
    assert doors.info_refs("demo", "git-receive-pack")[0] == 200
    with counted() as statements:
        assert doors.info_refs("demo", "git-receive-pack")[0] == 200
    assert len([each for each in statements if each.startswith("SELECT")]) == 2, statements
    assert [each for each in statements if not each.startswith("SELECT")] != []


def test_a_customers_key_costs_no_further_question_and_its_policy_bites_at_once(doors: Signed) -> None:
    allows = ALLOW | {"Action": "kms:*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/mary"}}
    for_root = allows | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    set_key(doors, allows, manager="CUSTOMER")
    assert doors.get_repository("demo")[0] == 200
    with counted() as statements:
        assert doors.get_repository("demo")[0] == 200
    assert len(statements) == 2, statements
    set_key(doors, for_root)
    status, body = doors.get_repository("demo")
    assert (status, json.loads(body)["__type"]) == (400, "EncryptionKeyAccessDeniedException")
    assert b"alias/aws/codecommit" in body  # aliases came with the same query
    set_key(doors, allows, state="Disabled")
    assert json.loads(doors.get_repository("demo")[1])["__type"] == "EncryptionKeyDisabledException"


def test_a_changed_tag_or_a_closed_account_bites_on_the_next_request(doors: Signed) -> None:
    assert doors.get_repository("demo")[0] == 200
    database = doors.desk.installation.database
    with database.write() as connection:
        connection.execute(
            update(tables.repository_tags).where(tables.repository_tags.c.key == "team").values(value="red")
        )
    assert json.loads(doors.get_repository("demo")[1])["__type"] == "AccessDeniedException"
    with database.write() as connection:
        connection.execute(update(tables.accounts).values(state="CLOSED"))
    assert json.loads(doors.get_repository("demo")[1])["__type"] == "UnrecognizedClientException"


def set_key(doors: Signed, statement: dict[str, Any], **values: str) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with doors.desk.installation.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(policy=policy, **values))
