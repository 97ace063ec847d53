from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from moorage.core.arn import Arn
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.crypto import streams
from moorage.crypto.root_key import RootKey
from moorage.keys.key_policy import ACTIONS, DEFAULT_ALIAS, default_policy
from moorage.keys.keyring import Keyring
from moorage.policy import Access, Decision, NamedPolicy, PolicySet, decide, parse
from moorage.storage import kms_keys, tables
from moorage.storage.database import Database
from moorage.storage.kms_keys import KmsKeyRow, State

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
ROOT_KEY = RootKey.generate()


@dataclass(frozen=True)
class Row:
    """A repository's row, as far as the keyring looks at it."""

    repository_id: str
    kms_key_id: str
    data_key_wrapped: bytes


@dataclass
class FakePermissions:
    """Answers by the real policy engine, and counts the questions."""

    caller: Caller
    policies: PolicySet
    asked: list[str]

    def access(self, action: str, resource: str, context: Mapping[str, tuple[str, ...]]) -> Access:
        account = resource.split(":")[4]
        return Access(self.caller.principal, action, resource, context, account)

    def decide(
        self,
        action: str,
        resource: str,
        context: Mapping[str, tuple[str, ...]],
        *,
        resource_policy: NamedPolicy | None,
        resource_policy_must_allow: bool,
    ) -> Decision:
        self.asked.append(action)
        access = self.access(action, resource, context)
        return decide(
            access, self.policies, resource_policy, resource_policy_must_allow=resource_policy_must_allow
        )


class FakeGate:
    def __init__(self) -> None:
        self.policies = policies_of(allow("codecommit:*"))
        self.asked: list[str] = []

    def of(self, caller: Caller) -> FakePermissions:
        return FakePermissions(caller, self.policies, self.asked)


def statement(effect: str, action: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def allow(action: str | list[str], **more: Any) -> dict[str, Any]:
    return statement("Allow", action, **more)


def deny(action: str | list[str], **more: Any) -> dict[str, Any]:
    return statement("Deny", action, **more)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def named(name: str, *statements: dict[str, Any]) -> NamedPolicy:
    return NamedPolicy(name, parse(document(*statements), "identity"))


def policies_of(*statements: dict[str, Any]) -> PolicySet:
    return PolicySet((named("inline policy p of user demo", *statements),))


def a_caller(account: str = ACCOUNT) -> Caller:
    principal = Principal(
        kind="user",
        arn=Arn(f"arn:aws:iam::{account}:user/demo"),
        account_id=account,
        partition="aws",
        unique_id="AIDAEXAMPLE",
        user_name="demo",
    )
    return Caller(principal, REGION, "request", datetime(2026, 1, 1, tzinfo=UTC))


CALLER = a_caller()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'rows.db'}")
    opened.migrate()
    with opened.write() as connection:
        for account in (ACCOUNT, OTHER):
            connection.execute(
                insert(tables.accounts).values(
                    account_id=account,
                    partition="aws",
                    name=account,
                    state="ACTIVE",
                    identity_revision=1,
                    created_at_ms=1,
                )
            )
    yield opened
    opened.close()


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
def keyring(database: Database, gate: FakeGate) -> Keyring:
    return Keyring(database, ROOT_KEY, gate)


@pytest.fixture
def row(database: Database, keyring: Keyring) -> Row:
    """A repository under the account's own key."""
    with database.write() as connection:
        key = keyring.default_key(connection, ACCOUNT, REGION)
    return Row("repository-1", key.key_id, keyring.new_data_key(key, "repository-1"))


def customer_row(database: Database, keyring: Keyring, policy: str) -> Row:
    """A repository under a key that a user made."""
    with database.write() as connection:
        managed = keyring.default_key(connection, ACCOUNT, REGION)
        # The material is bound to its key's id: make it the way the keyring does.
        key = dataclasses.replace(managed, manager="CUSTOMER", policy=policy)
        connection.execute(
            tables.kms_keys.update()
            .where(tables.kms_keys.c.key_id == key.key_id)
            .values(manager="CUSTOMER", policy=policy)
        )
    return Row("repository-1", key.key_id, keyring.new_data_key(key, "repository-1"))


def set_state(database: Database, row: Row, state: State) -> None:
    with database.write() as connection:
        kms_keys.set_state(connection, key_of(database, row), state)


def key_of(database: Database, row: Row) -> KmsKeyRow:
    with database.read() as connection:
        found = kms_keys.find(connection, row.kms_key_id)
    assert found is not None
    return found


def test_an_account_has_one_key_of_its_own_per_region_made_on_first_use(
    database: Database, keyring: Keyring
) -> None:
    with database.write() as connection:
        first = keyring.default_key(connection, ACCOUNT, REGION)
        assert keyring.default_key(connection, ACCOUNT, REGION) == first
        others = {
            keyring.default_key(connection, ACCOUNT, "us-east-1").key_id,
            keyring.default_key(connection, OTHER, REGION).key_id,
        }
        assert kms_keys.aliases_of(connection, first) == (DEFAULT_ALIAS,)
    assert first.key_id not in others
    assert len(others) == 2
    assert (first.manager, first.state) == ("AWS", "Enabled")
    parse(first.policy, "resource")


def test_the_key_made_in_a_transaction_that_fails_is_not_there(database: Database, keyring: Keyring) -> None:
    def fail() -> None:
        with database.write() as connection:
            keyring.default_key(connection, ACCOUNT, REGION)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert kms_keys.find_by_alias(connection, ACCOUNT, REGION, DEFAULT_ALIAS) is None


def test_the_default_policy_follows_the_partition() -> None:
    assert "codecommit.cn-north-1.amazonaws.com.cn" in default_policy(ACCOUNT, "cn-north-1")
    assert "arn:aws-us-gov:iam::" in default_policy(ACCOUNT, "us-gov-west-1")


def test_whoever_may_use_codecommit_may_use_the_accounts_own_key(
    keyring: Keyring, gate: FakeGate, row: Row
) -> None:
    opened = keyring.open(CALLER, row)
    target = io.BytesIO()
    streams.seal(io.BytesIO(b"pack"), target, opened, b"place")
    target.seek(0)
    again = keyring.open_for_service(row)
    assert streams.open_stream(target, again, b"place").read() == b"pack"
    assert gate.asked == [], "policies that deny nothing of kms need no evaluation"


@pytest.mark.parametrize(
    "action",
    [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:DescribeKey",
        "kms:*",
        "kms:ReEncrypt*",
        "*",
    ],
)
def test_a_deny_of_any_of_the_actions_bites_on_the_next_request(
    keyring: Keyring, gate: FakeGate, row: Row, action: str
) -> None:
    keyring.open(CALLER, row)
    gate.policies = policies_of(allow("*"), deny(action, Sid="NoKeys"))
    with pytest.raises(Fault) as refused:
        keyring.open(CALLER, row)
    fault = refused.value
    assert (fault.code, fault.status) == ("EncryptionKeyAccessDeniedException", 400)
    assert "user/demo" in fault.message
    assert "kms:" in fault.message
    assert DEFAULT_ALIAS in fault.message
    assert "explicit deny" in fault.message
    assert "NoKeys" in str(fault.detail["why"])
    with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
        keyring.require(CALLER, row)
    gate.policies = policies_of(allow("*"))
    keyring.open(CALLER, row)


def test_a_deny_of_everything_but_codecommit_bites(keyring: Keyring, gate: FakeGate, row: Row) -> None:
    gate.policies = policies_of({"Effect": "Deny", "NotAction": "codecommit:*", "Resource": "*"})
    with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
        keyring.require(CALLER, row)


def test_a_deny_in_a_boundary_or_a_session_bites_too(keyring: Keyring, gate: FakeGate, row: Row) -> None:
    free, bound = named("p", allow("*")), named("b", allow("*"), deny("kms:Decrypt"))
    for policies in (PolicySet((free,), boundary=bound), PolicySet((free,), session=(bound,))):
        gate.policies = policies
        with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
            keyring.require(CALLER, row)


def test_a_boundary_that_is_silent_about_kms_does_not_block_the_accounts_own_key(
    keyring: Keyring, gate: FakeGate, row: Row
) -> None:
    limits = named("b", allow("codecommit:*"), deny("kms:ScheduleKeyDeletion"))
    gate.policies = PolicySet((named("p", allow("codecommit:*")),), boundary=limits)
    keyring.open(CALLER, row)
    assert gate.asked == list(ACTIONS)


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"StringEquals": {"kms:ViaService": f"codecommit.{REGION}.amazonaws.com"}}, True),
        ({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}, False),
        ({"StringEquals": {"kms:EncryptionContext:aws:codecommit:id": "repository-1"}}, True),
        ({"StringEquals": {"kms:EncryptionContext:aws:codecommit:id": "repository-2"}}, False),
        ({"Bool": {"aws:ViaAWSService": "false"}}, False),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": DEFAULT_ALIAS}}, True),
    ],
)
def test_a_deny_may_ask_how_the_key_is_used(
    keyring: Keyring, gate: FakeGate, row: Row, condition: dict[str, Any], denied: bool
) -> None:
    gate.policies = policies_of(allow("*"), deny("kms:Decrypt", Condition=condition))
    if denied:
        with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
            keyring.require(CALLER, row)
    else:
        keyring.require(CALLER, row)


def test_another_accounts_principals_may_not_use_the_accounts_own_key(
    keyring: Keyring, gate: FakeGate, row: Row
) -> None:
    gate.policies = policies_of(allow("*"))
    with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
        keyring.require(a_caller(OTHER), row)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("Disabled", "EncryptionKeyDisabledException"),
        ("PendingDeletion", "EncryptionKeyUnavailableException"),
    ],
)
def test_a_keys_state_bites_on_the_next_request_and_for_the_service_too(
    database: Database, keyring: Keyring, row: Row, state: State, code: str
) -> None:
    keyring.open(CALLER, row)
    set_state(database, row, state)
    for use in (lambda: keyring.open(CALLER, row), lambda: keyring.require(CALLER, row)):
        with pytest.raises(Fault, match=code):
            use()
    with pytest.raises(Fault, match=code):
        keyring.open_for_service(row)
    set_state(database, row, "Enabled")
    keyring.open(CALLER, row)


def test_a_key_that_is_gone_is_not_found(keyring: Keyring, row: Row) -> None:
    lost = dataclasses.replace(row, kms_key_id="00000000-0000-4000-8000-000000000000")
    for use in (lambda: keyring.open(CALLER, lost), lambda: keyring.require(CALLER, lost)):
        with pytest.raises(Fault, match="EncryptionKeyNotFoundException"):
            use()
    with pytest.raises(Fault, match="EncryptionKeyNotFoundException"):
        keyring.open_for_service(lost)


def test_a_customers_key_must_allow_its_user(database: Database, keyring: Keyring, gate: FakeGate) -> None:
    delegating = document(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    row = customer_row(database, keyring, delegating)
    with pytest.raises(Fault, match="EncryptionKeyAccessDenied"):
        keyring.require(CALLER, row)
    gate.policies = policies_of(allow("codecommit:*"), allow(list(ACTIONS)))
    keyring.open(CALLER, row)


def test_a_customers_key_may_deny_its_user(database: Database, keyring: Keyring, gate: FakeGate) -> None:
    open_to_all = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    shut = deny("kms:Decrypt", Principal={"AWS": str(CALLER.principal.arn)}, Sid="NotDemo")
    row = customer_row(database, keyring, document(open_to_all, shut))
    gate.policies = policies_of(allow("*"))
    with pytest.raises(Fault, match="explicit deny") as refused:
        keyring.require(CALLER, row)
    assert "NotDemo" in str(refused.value.detail["why"])


def test_a_data_key_opens_for_its_own_repository_only(keyring: Keyring, row: Row) -> None:
    for wrong in (
        dataclasses.replace(row, repository_id="repository-2"),
        dataclasses.replace(row, data_key_wrapped=row.data_key_wrapped[:-1] + b"\0"),
        dataclasses.replace(row, data_key_wrapped=b""),
    ):
        with pytest.raises(Fault, match="EncryptionIntegrityChecksFailedException") as refused:
            keyring.open(CALLER, wrong)
        assert refused.value.status == 500


def test_without_its_root_key_nothing_opens(database: Database, gate: FakeGate, row: Row) -> None:
    with pytest.raises(Fault, match="EncryptionIntegrityChecksFailedException"):
        Keyring(database, RootKey.generate(), gate).open(CALLER, row)


def test_a_data_key_wrapped_anew_is_the_same_key(database: Database, keyring: Keyring, row: Row) -> None:
    with database.write() as connection:
        other = keyring.default_key(connection, ACCOUNT, "us-east-1")
        wrapped = keyring.rewrap(row, other, connection)
    moved = Row(row.repository_id, other.key_id, wrapped)
    assert keyring.open_for_service(moved).serialize() == keyring.open_for_service(row).serialize()
    with pytest.raises(Fault, match="EncryptionIntegrityChecksFailed"):
        keyring.open_for_service(dataclasses.replace(moved, kms_key_id=row.kms_key_id))


def test_a_key_is_found_by_whatever_names_it(database: Database, keyring: Keyring) -> None:
    with database.write() as connection:
        key = keyring.find_key(connection, CALLER, DEFAULT_ALIAS)
        for name in (key.key_id, key.arn, DEFAULT_ALIAS, key.arn.replace(f"key/{key.key_id}", DEFAULT_ALIAS)):
            assert keyring.find_key(connection, CALLER, name) == key
        for name in ("alias/none", "00000000-0000-4000-8000-000000000000"):
            with pytest.raises(Fault, match="EncryptionKeyNotFoundException"):
                keyring.find_key(connection, CALLER, name)
        # Another account's id without its ARN is nobody's.
        with pytest.raises(Fault, match="EncryptionKeyNotFoundException"):
            keyring.find_key(connection, a_caller(OTHER), key.key_id)


def test_the_rows_of_an_open_transaction_are_seen(database: Database, keyring: Keyring, row: Row) -> None:
    with database.write() as connection:
        kms_keys.set_state(connection, key_of(database, row), "Disabled")
        keyring.require(CALLER, row)
        with pytest.raises(Fault, match="EncryptionKeyDisabledException"):
            keyring.require(CALLER, row, connection)
