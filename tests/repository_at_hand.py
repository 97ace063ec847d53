"""A whole repository layer on real SQLite, a real folder of blobs and real git: no server, no mocks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from codecommit_at_hand import git
from moorage.auth.gate import Gate
from moorage.core.arn import iam_arn
from moorage.core.names import ZERO_ID, ObjectId
from moorage.core.principal import Caller, Principal
from moorage.crypto.root_key import RootKey
from moorage.git.quarantine import ReceiveLimits
from moorage.git.receive_pack import PushRequest, RefUpdate
from moorage.keys.keyring import Keyring
from moorage.repos.cache import WorkingCache
from moorage.repos.opened import Opener, OpenRepository
from moorage.repos.publish import Publisher
from moorage.repos.push import Push, PushOutcome
from moorage.repos.repositories import Repositories
from moorage.repos.snapshot import Snapshots
from moorage.storage import accounts
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.database import Database

ACCOUNT = "123456789012"
REGION = "us-east-2"


@dataclass(frozen=True)
class Node:
    """One node: what it shares with others (rows, blobs, root key) and its own cache."""

    database: Database
    blobs: DirectoryBlobs
    root_key: RootKey
    gate: Gate
    repositories: Repositories
    opener: Opener
    publisher: Publisher
    cache: WorkingCache
    caller: Caller

    def beside(self, cache: Path) -> Node:
        """Return another node on the same rows and blobs, with an empty cache."""
        return _node(self.database, self.blobs, self.root_key, cache)

    def open(self, name: str) -> OpenRepository:
        return self.opener.open(self.caller, self.repositories.require(self.caller, name))

    def refs(self, name: str) -> dict[str, ObjectId]:
        """Return the refs that the rows hold."""
        return {ref.name.decode(): ref.object_id for ref in self.open(name).snapshot.refs.refs}

    def push(
        self,
        name: str,
        folder: Path,
        refs: Mapping[str, str],
        *,
        atomic: bool = False,
        old: Mapping[str, ObjectId] | None = None,
        opened: OpenRepository | None = None,
    ) -> PushOutcome:
        """Push from a local repository: full ref name -> revision, "" deletes it."""
        opened = opened or self.open(name)
        standing = self.refs(name) | dict(old or {})
        updates = tuple(
            RefUpdate(
                ref.encode(),
                standing.get(ref, ZERO_ID),
                ObjectId(git(folder, "rev-parse", revision)) if revision else ZERO_ID,
            )
            for ref, revision in refs.items()
        )
        request = PushRequest(updates, {"atomic": ""} if atomic else {})
        push = Push(self.publisher, self.gate, self.caller, opened, {})
        return push.run(request, pack(folder, updates, standing), ReceiveLimits())


def pack(folder: Path, updates: tuple[RefUpdate, ...], standing: Mapping[str, ObjectId]) -> Iterator[bytes]:
    """Yield the thin pack that git would send."""
    known = _known(folder, standing)
    wanted = [update.new for update in updates if update.new != ZERO_ID]
    lines = [*wanted, *(f"^{name}" for name in known)]
    done = subprocess.run(
        ["git", "pack-objects", "--revs", "--thin", "--stdout", "-q"],
        cwd=folder,
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
    )
    yield done.stdout


def _known(folder: Path, standing: Mapping[str, ObjectId]) -> list[ObjectId]:
    checked = git(folder, "cat-file", "--batch-check=%(objectname)", given="\n".join(standing.values()))
    return [ObjectId(line) for line in checked.splitlines() if not line.endswith("missing")]


def a_node(folder: Path) -> Node:
    """Make everything, with one account."""
    database = Database.open(f"sqlite:///{folder}/rows.db")
    database.migrate()
    root_key = RootKey.generate()
    with database.write() as connection:
        accounts.create(connection, root_key, name="test", partition="aws", now_ms=1, account_id=ACCOUNT)
    return _node(database, DirectoryBlobs(folder / "blobs"), root_key, folder / "cache")


def _node(database: Database, blobs: DirectoryBlobs, root_key: RootKey, folder: Path) -> Node:
    gate = Gate(database)
    keyring = Keyring(database, root_key, gate)
    cache = WorkingCache(folder, 1 << 40, blobs)
    opener = Opener(Snapshots(database), keyring, cache)
    root = Principal("root", iam_arn("aws", ACCOUNT, "root"), ACCOUNT, "aws", ACCOUNT)
    return Node(
        database,
        blobs,
        root_key,
        gate,
        Repositories(database, keyring, cache),
        opener,
        Publisher(database, blobs, opener),
        cache,
        Caller(root, REGION, "request", datetime(2026, 11, 24, tzinfo=UTC)),
    )
