"""`moorage why`, on an installation with a user, a role and a repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from identities_at_hand import root_principal
from moorage.auth.gate import Gate
from moorage.cli import main as cli
from moorage.core.clock import SystemClock
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.edge import audited
from moorage.keys.keyring import Keyring
from moorage.repos.cache import WorkingCache
from moorage.repos.repositories import Repositories
from moorage.server import first_start
from moorage.server.data_folder import DataFolder
from moorage.server.settings_load import of
from moorage.storage import attachments, audit, kms_grants, kms_keys, roles, tables, users
from moorage.storage.attachments import InlinePolicyRow
from moorage.storage.blobs import MemoryBlobs
from moorage.storage.database import Database
from moorage.storage.kms_grants import GrantRow

pytestmark = pytest.mark.slow

ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/team/mary"
DEMO = f"arn:aws:codecommit:us-east-1:{ACCOUNT}:demo"
GUARD = {
    "Sid": "Guard",
    "Effect": "Deny",
    "Action": "codecommit:GitPush",
    "Resource": "*",
    "Condition": {"StringEquals": {"codecommit:References": "refs/heads/main"}},
}
ALLOW = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}
TRUST = json.dumps(
    {"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}}
)


@dataclass
class House:
    """An installation in a folder, and its command line."""

    data: Path
    database: Database
    out: pytest.CaptureFixture[str]

    def allow(self, *statements: Mapping[str, Any], name: str = "tests") -> None:
        with self.database.write() as connection:
            mary = users.find(connection, ACCOUNT, "mary")
            assert mary is not None
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(mary.user_id, name, document))
            connection.execute(
                update(tables.accounts).values(identity_revision=tables.accounts.c.identity_revision + 1)
            )

    def why(self, *arguments: str) -> tuple[int, str]:
        try:
            status = cli.main(["why", *arguments, "--data", str(self.data)])
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else -1
        captured = self.out.readouterr()
        return status, captured.out + captured.err

    def told(self, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.why(*arguments, "--json")[1])
        return answer


@pytest.fixture
def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[House]:
    monkeypatch.delenv("MOORAGE_DATA", raising=False)
    settings = of({"data": str(tmp_path / "data"), "account_id": ACCOUNT})
    DataFolder(settings.data).make()
    database = Database.open(settings.database_url)
    made = first_start.prepare(settings, database, {}, SystemClock())
    with database.write() as connection:
        users.create(connection, ACCOUNT, "mary", path="/team/", now_ms=1)
        roles.create(connection, ACCOUNT, "builder", path="/", trust_policy=TRUST, now_ms=1)
    caller = Caller(root_principal(ACCOUNT), "us-east-1", "", datetime(2026, 1, 1, tzinfo=UTC))
    keyring = Keyring(database, made.root_key, Gate(database))
    cache = WorkingCache(tmp_path / "cache", 1 << 20, MemoryBlobs())
    Repositories(database, keyring, cache).create(caller, "demo", tags={"team": "blue"})
    yield House(settings.data, database, capsys)
    database.close()


def test_an_allowed_access_is_status_0_and_names_the_statement_with_its_text(house: House) -> None:
    house.allow({**ALLOW, "Sid": "Everything"})
    status, text = house.why(USER, "codecommit:GitPush", DEMO)
    assert status == 0
    assert text.startswith(f"ALLOWED\nUser: {USER} is authorized to perform: codecommit:GitPush on")
    assert 'Decided by statement "Everything" of inline policy tests of user mary:' in text
    assert '      "Action": "codecommit:*"' in text
    assert "may be used" in text


def test_a_user_can_be_named_without_an_arn(house: House) -> None:
    house.allow(ALLOW)
    assert house.why("user/mary", "codecommit:GitPull", DEMO, "--account", ACCOUNT)[0] == 0
    assert house.why("user/team/mary", "codecommit:GitPull", DEMO)[0] == 0
    assert house.why("root", "codecommit:GitPull", DEMO)[0] == 0


def test_a_denied_access_is_status_1_and_tells_what_would_have_to_change(house: House) -> None:
    status, text = house.why(USER, "codecommit:GitPush", DEMO)
    assert status == 1
    assert "because no identity-based policy allows the codecommit:GitPush action" in text
    assert f"  - attach a policy to {USER}, or to a group it is in, that allows" in text


def test_the_context_of_a_request_decides(house: House) -> None:
    house.allow(ALLOW, GUARD)
    assert house.why(USER, "codecommit:GitPush", DEMO)[0] == 0
    given = ("--context", "codecommit:References=refs/heads/main")
    told = house.told(USER, "codecommit:GitPush", DEMO, *given)
    assert (told["allowed"], told["decision"]) == (False, "explicit deny")
    assert told["policy"] == "inline policy tests of user mary"
    assert told["statement"] == {"sid": "Guard", "number": 2, "text": GUARD}
    assert 'remove statement "Guard"' in told["remedies"][0]
    assert [layer["layer"] for layer in told["layers"]] == ["identity-based policy"]
    missing = house.told(USER, "codecommit:GitPush", DEMO)["missingContextKeys"]
    assert missing == ["codecommit:References"]


def test_a_repositorys_tags_are_known_and_the_address_of_nobody_is_not(house: House) -> None:
    tagged = {**ALLOW, "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}
    house.allow(tagged)
    assert house.why(USER, "codecommit:GitPull", DEMO)[0] == 0
    house.allow({**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
    assert house.told(USER, "codecommit:GitPull", DEMO)["missingContextKeys"] == ["aws:SourceIp"]
    assert house.why(USER, "codecommit:GitPull", DEMO, "--context", "AWS:sourceip=127.0.0.1")[0] == 0


def test_the_verdict_of_the_key_counts(house: House) -> None:
    house.allow(ALLOW, {"Sid": "NoKeys", "Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"})
    status, text = house.why(USER, "codecommit:GitPull", DEMO)
    assert status == 1
    assert "refuses: EncryptionKeyAccessDeniedException" in text
    assert 'remove statement "NoKeys"' in text
    assert house.why(USER, "codecommit:TagResource", DEMO)[0] == 0  # which needs no key
    house.allow(ALLOW)
    with house.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(state="Disabled"))
    told = house.told(USER, "codecommit:GitPull", DEMO)
    assert told["key"]["error"] == "EncryptionKeyDisabledException"
    assert told["allowed"] is False


def test_a_repository_that_is_not_there_is_told(house: House) -> None:
    house.allow(ALLOW)
    status, text = house.why(USER, "codecommit:GitPull", DEMO.replace("demo", "other"))
    assert (status, "There is no such repository" in text) == (0, True)


def test_assuming_a_role_asks_its_trust_policy(house: House) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/builder"
    told = house.told(USER, "sts:AssumeRole", role)
    assert [layer["layer"] for layer in told["layers"]] == ["identity-based policy", "role trust policy"]
    house.allow({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role})
    assert house.why(USER, "sts:AssumeRole", role)[0] == 0


def test_a_role_session_is_a_principal_and_so_is_the_role(house: House) -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/nightly"
    assert f"User: {session} is not authorized" in house.why(session, "codecommit:GitPull", DEMO)[1]
    role = f"arn:aws:iam::{ACCOUNT}:role/builder"
    assert "assumed-role/builder/why" in house.why(role, "codecommit:GitPull", DEMO)[1]


def test_a_role_session_has_the_rights_of_its_role(house: House) -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/nightly"
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
    with house.database.write() as connection:
        role = roles.find(connection, ACCOUNT, "builder")
        assert role is not None
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(role.role_id, "tests", document))
    status, text = house.why(session, "codecommit:GitPull", DEMO)
    assert (status, "inline policy tests of role builder" in text) == (0, True)


def test_a_key_is_explained_with_its_policy_and_its_grants(house: House) -> None:
    with house.database.read() as connection:
        key = kms_keys.find_by_alias(connection, ACCOUNT, "us-east-1", "alias/aws/codecommit")
    assert key is not None
    told = house.told(USER, "kms:Decrypt", key.arn)
    assert [layer["layer"] for layer in told["layers"]] == ["identity-based policy", "resource-based policy"]
    assert (told["allowed"], told["missingContextKeys"]) == (False, ["kms:ViaService"])
    with house.database.write() as connection:
        kms_grants.add(
            connection,
            GrantRow(
                grant_id="grant-1",
                key_id=key.key_id,
                grantee=USER,
                retiring_principal=None,
                constraints={},
                name=None,
                issuing_account=f"arn:aws:iam::{ACCOUNT}:root",
                operations=("Decrypt",),
                token="token",
                created_at_ms=1,
            ),
        )
    told = house.told(USER, "kms:Decrypt", key.arn)
    assert (told["allowed"], told["grant"]) == (True, "grant-1")
    assert house.why(USER, "kms:Encrypt", key.arn)[0] == 1
    other = key.arn.replace(key.key_id, "no-such-key")
    assert house.why(USER, "kms:Decrypt", other)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give PRINCIPAL ACTION RESOURCE, or --request ID"),
        ((USER, "codecommit:GitPush"), "give PRINCIPAL ACTION RESOURCE"),
        (("user/nobody", "codecommit:GitPush", DEMO), "has no user 'nobody'"),
        (("user/other/mary", "codecommit:GitPush", DEMO), "has no user 'other/mary'"),
        (("group/x", "codecommit:GitPush", DEMO), "is no principal"),
        (("arn:aws:iam::999999999999:user/x", "codecommit:GitPush", DEMO), "999999999999 is not one here"),
        (("arn:aws:sts::123456789012:user/mary", "codecommit:GitPush", DEMO), "is no principal"),
        (("arn:aws-cn:iam::123456789012:user/team/mary", "codecommit:GitPush", DEMO), "There is no account"),
        ((USER, "GitPush", DEMO), "is not one action"),
        ((USER, "codecommit:*", DEMO), "is not one action"),
        ((USER, "codecommit:GitPush", "demo"), "is no ARN"),
        ((USER, "codecommit:GitPush", DEMO, "--context", "x"), "is not KEY=VALUE"),
        (("--request", "nothing"), "nothing is recorded of 'nothing'"),
        ((USER, "--request", "nothing"), "--request explains a request as it was"),
        (("--no-such-option",), "unrecognized arguments"),
    ],
)
def test_bad_input_is_status_2_with_a_line_that_says_so(
    house: House, arguments: tuple[str, ...], message: str
) -> None:
    status, text = house.why(*arguments)
    assert (status, message in text) == (2, True), text


def test_without_an_installation_the_status_is_2_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["why", USER, "codecommit:GitPush", DEMO, "--data", str(tmp_path / "none")]) == 2
    assert "there is no installation" in capsys.readouterr().err


def refused_request(house: House, request_id: str) -> None:
    """Leave what the Git door leaves of a refused push."""
    with house.database.read() as connection:
        mary = users.find(connection, ACCOUNT, "mary")
    assert mary is not None
    principal = Principal("user", mary.arn("aws"), ACCOUNT, "aws", mary.user_id, user_name="mary")
    caller = Caller(principal, "us-east-1", request_id, datetime(2026, 1, 1, tzinfo=UTC), "192.0.2.7")
    with pytest.raises(Fault) as caught:
        Gate(house.database).require(
            caller, "codecommit:GitPush", DEMO, {"codecommit:References": ("refs/heads/main",)}
        )
    event = audited.refused_refs(
        caller, "codecommit:GitPush", DEMO, {b"refs/heads/main\x1b[31m": "no"}, [caught.value]
    )
    with house.database.write() as connection:
        audit.record(connection, event)


def test_a_refused_request_is_explained_by_its_id_as_it_was(house: House) -> None:
    house.allow(ALLOW, GUARD)
    refused_request(house, "5f2d9c1e-0000-4000-8000-000000000001")
    house.allow(ALLOW)  # the guard is gone meanwhile
    status, text = house.why("--request", "5F2D9C1E-0000-4000-8000-000000000001")
    assert status == 1
    assert text.startswith("DENIED\n2026-01-01T00:00:00+00:00, from 192.0.2.7, region us-east-1\n")
    assert f"principal: {USER}\n" in text
    assert "policy:    inline policy tests of user mary, statement Guard\n" in text
    assert "    codecommit:References = refs/heads/main\n" in text
    assert "--context 'codecommit:References=refs/heads/main'" in text
    assert "\x1b" not in text
    (row,) = json.loads(house.why("--request", "5f2d9c1e-0000-4000-8000-000000000001", "--json")[1])
    assert (row["outcome"], row["detail"]["statement"]) == ("denied", "Guard")


def test_what_a_policy_holds_does_not_reach_the_terminal_unprinted(house: House) -> None:
    house.allow({**ALLOW, "Resource": [DEMO, "arn:aws:codecommit:*:*:\x1b[31m\x07"]})
    status, text = house.why(USER, "codecommit:GitPush", DEMO)
    assert status == 0
    assert text.replace("\n", "").isprintable()


def test_a_repository_whose_key_is_gone_can_be_deleted_and_no_more(house: House) -> None:
    with house.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(state="Deleted"))
    assert house.why("root", "codecommit:GetRepository", DEMO)[0] == 1
    assert house.why("root", "codecommit:DeleteRepository", DEMO)[0] == 0
