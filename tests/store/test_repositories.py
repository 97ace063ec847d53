"""Changes of one repository that meet: each waits for the other and builds on what it finds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from moorage.auth.gate import Gate
from moorage.core.arn import iam_arn
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.core.principal import Caller, Principal
from moorage.crypto.root_key import RootKey
from moorage.keys.keyring import Keyring
from moorage.repos.cache import WorkingCache
from moorage.repos.repositories import Repositories
from moorage.storage import accounts, grace, identities, kms_keys, kms_tags, ref_conflicts, standing, tables
from moorage.storage import repositories as rows
from moorage.storage.blobs import MemoryBlobs
from moorage.storage.database import Database
from moorage.storage.repositories import RefChange
from moorage.storage.standing import Standing

ACCOUNT = "123456789012"
ROOT = Principal("root", iam_arn("aws", ACCOUNT, "root"), ACCOUNT, "aws", ACCOUNT)
CALLER = Caller(ROOT, "us-east-2", "request", datetime(2026, 11, 24, tzinfo=UTC))
TIP = ObjectId("a" * 40)
MAIN = RefChange(b"refs/heads/main", ZERO_ID, TIP)


@pytest.fixture
def repositories(database: Database, tmp_path: Path) -> Repositories:
    """The repositories of an account that has one, Demo, at generation 1."""
    root_key = RootKey.generate()
    with database.write() as connection:
        accounts.create(connection, root_key, name="test", partition="aws", now_ms=1, account_id=ACCOUNT)
    keyring = Keyring(database, root_key, Gate(database))
    made = Repositories(database, keyring, WorkingCache(tmp_path / "cache", 1 << 30, MemoryBlobs()))
    made.create(CALLER, "Demo")
    return made


def meanwhile(
    database: Database, change: Callable[[Connection], object], other: Callable[[], object]
) -> object:
    """Begin `other` while `change` is made and not committed yet; return its result or Fault."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(other())
        except Exception as error:  # noqa: BLE001 -- the test looks at it
            outcome.append(error)

    thread = threading.Thread(target=run)
    with database.write() as connection:
        change(connection)
        thread.start()
        thread.join(timeout=0.3)
        assert outcome == []
    thread.join(timeout=10)
    return outcome[0]


def push(change: RefChange, generation: int, repository_id: str) -> Callable[[Connection], object]:
    """Return what a push writes."""

    def write(connection: Connection) -> None:
        rows.lock(connection, repository_id)
        rows.change(connection, repository_id, 2, generation=generation)
        rows.move_refs(
            connection, repository_id, generation, [change], push_id="p", principal_arn="arn", at_ms=2
        )

    return write


def test_a_default_branch_set_during_a_push_takes_the_generation_after_it(
    database: Database, repositories: Repositories
) -> None:
    made = repositories.require(CALLER, "Demo")
    with database.write() as connection:
        push(MAIN, 2, made.repository_id)(connection)
    other = RefChange(b"refs/heads/other", ZERO_ID, TIP)

    def set_default() -> None:
        repositories.set_default_branch(CALLER, "Demo", RefName("refs/heads/main"))

    assert meanwhile(database, push(other, 3, made.repository_id), set_default) is None
    assert repositories.require(CALLER, "Demo").generation == 4


def test_a_branch_being_deleted_does_not_become_the_default(
    database: Database, repositories: Repositories
) -> None:
    made = repositories.require(CALLER, "Demo")
    with database.write() as connection:
        push(MAIN, 2, made.repository_id)(connection)
    gone = RefChange(b"refs/heads/main", TIP, ZERO_ID)

    def set_default() -> None:
        repositories.set_default_branch(CALLER, "Demo", RefName("refs/heads/main"))

    refused = meanwhile(database, push(gone, 3, made.repository_id), set_default)
    assert isinstance(refused, Fault)
    assert refused.code == "BranchDoesNotExistException"


def deleting(repository_id: str) -> Callable[[Connection], object]:
    return lambda connection: rows.remove(connection, repository_id, 2)


def test_a_repository_deleted_twice_at_once_is_deleted_once(
    database: Database, repositories: Repositories
) -> None:
    made = repositories.require(CALLER, "Demo")
    assert (
        meanwhile(database, deleting(made.repository_id), lambda: repositories.delete(CALLER, "Demo")) is None
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.rename(CALLER, "Demo", "Other"),
        lambda found: found.describe(CALLER, "Demo", "text"),
        lambda found: found.set_default_branch(CALLER, "Demo", RefName("refs/heads/main")),
    ],
)
def test_a_change_of_a_repository_being_deleted_says_that_it_is_gone(
    database: Database, repositories: Repositories, change: Callable[[Repositories], None]
) -> None:
    made = repositories.require(CALLER, "Demo")
    refused = meanwhile(database, deleting(made.repository_id), lambda: change(repositories))
    assert isinstance(refused, Fault)
    assert refused.code == "RepositoryDoesNotExistException"


def test_two_pushes_that_begin_with_one_password_at_once_both_have_its_grace(
    database: Database, repositories: Repositories
) -> None:
    made = repositories.require(CALLER, "Demo")
    where = {"principal_id": "p", "client_address": "127.0.0.1", "now_ms": 10}

    def grant(connection: Connection) -> None:
        grace.grant(connection, "hash", made.repository_id, **where)  # type: ignore[arg-type]  # mixed values

    def again() -> None:
        with database.write() as connection:
            grant(connection)

    assert meanwhile(database, grant, again) is None
    with database.read() as connection:
        assert grace.stands(connection, "hash", made.repository_id, **where)  # type: ignore[arg-type]  # as above


def test_refs_in_the_way_are_the_same_asked_for_one_by_one_and_all_at_once(
    database: Database, repositories: Repositories
) -> None:
    repository_id = repositories.require(CALLER, "Demo").repository_id
    standing = [b"a", b"b/c", b"b/c-d", b"b/c.d", b"b/e/f", b"b0", b"b/e/g", b"\xc3\xa4/x"]
    changes = [RefChange(b"refs/heads/" + name, ZERO_ID, TIP) for name in standing]
    asked = [b"a", b"a/x", b"a/x/y", b"b", b"b/c", b"b/c/d", b"b/e", b"b/e/f/g", b"b-", b"\xc3\xa4", b"c"]
    names = [b"refs/heads/" + name for name in asked]
    with database.write() as connection:
        rows.move_refs(
            connection, repository_id, 2, changes, push_id="p", principal_arn=str(ROOT.arn), at_ms=1
        )
        single = {
            name: set(ref_conflicts.in_the_way(connection, repository_id, [name])[name]) for name in names
        }
        many = ref_conflicts.in_the_way(
            connection, repository_id, [*names, *(b"refs/tags/%d" % n for n in range(20))]
        )
    assert {name: set(many[name]) for name in names} == single
    assert single[b"refs/heads/b"] == {
        b"refs/heads/b/" + name for name in (b"c", b"c-d", b"c.d", b"e/f", b"e/g")
    }
    assert single[b"refs/heads/a/x/y"] == {b"refs/heads/a"}


def test_how_things_stand_is_read_whole_by_one_question(repositories: Repositories) -> None:
    database = repositories.database
    found = repositories.find(ACCOUNT, "us-east-2", "Demo")
    assert found is not None
    repositories.tag(CALLER, found[0], {"team": "blue", "empty": "", "a b": "c=d:e"}, limit=50)
    with database.read() as connection:
        whole = standing.read(connection, ACCOUNT, "us-east-2", "Demo")
        row = rows.find(connection, ACCOUNT, "us-east-2", "Demo")
        assert row is not None
        assert (whole.row, whole.tags) == (row, rows.tags(connection, row.repository_id))
        assert whole.key == kms_keys.find(connection, row.kms_key_id)
        assert whole.revision == identities.revision(connection, ACCOUNT)
        assert whole.aliases == ()  # the managed key's only one needs no asking


def test_the_aliases_of_a_customers_key_come_along(repositories: Repositories) -> None:
    database = repositories.database
    with database.write() as connection:
        connection.execute(update(tables.kms_keys).values(manager="CUSTOMER"))
        key_id = connection.execute(select(tables.kms_keys.c.key_id)).scalar_one()
        more = {"account_id": ACCOUNT, "region": "us-east-2", "alias": "alias/mine", "key_id": key_id}
        connection.execute(insert(tables.kms_aliases).values(more))
    with database.read() as connection:
        whole = standing.read(connection, ACCOUNT, "us-east-2", "Demo")
    assert (whole.aliases, whole.key_is_tagged) == (("alias/aws/codecommit", "alias/mine"), False)
    with database.write() as connection:
        kms_tags.put(connection, key_id, {"a": "b"})
        assert standing.read(connection, ACCOUNT, "us-east-2", "Demo").key_is_tagged


def test_where_no_repository_or_no_open_account_is_that_is_how_things_stand(
    repositories: Repositories,
) -> None:
    database = repositories.database
    with database.write() as connection:
        revision = identities.revision(connection, ACCOUNT)
        assert standing.read(connection, ACCOUNT, "us-east-2", "demo") == Standing(revision)
        assert standing.read(connection, ACCOUNT, "us-east-1", "Demo") == Standing(revision)
        assert standing.read(connection, "0" * 12, "us-east-2", "Demo") == Standing(None)
        accounts.close(connection, ACCOUNT)
        assert standing.read(connection, ACCOUNT, "us-east-2", "Demo").revision is None
