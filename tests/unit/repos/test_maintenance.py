from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import update

from codecommit_at_hand import git
from moorage.core.faults import Fault
from moorage.repos import backup
from moorage.repos.cache import WorkingCache
from moorage.repos.maintenance import Maintenance, rolled_up
from moorage.repos.verify import Verifier
from moorage.storage import deliveries, leases, outbox, tables
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.database import Database
from moorage.storage.deliveries import Message
from moorage.storage.repositories import PackRow
from repository_at_hand import Node

pytestmark = pytest.mark.slow

MAIN = "refs/heads/main"


def many_pushes(node: Node, local: Path, number: int) -> None:
    for _ in range(number):
        git(local, "commit", "--quiet", "--allow-empty", "--message", "one more")
        assert node.push("Demo", local, {MAIN: "main"}).refused == {}


def maintenance(node: Node) -> Maintenance:
    return Maintenance(node.database, node.blobs, node.opener, "this node", many_packs=5)


def pack_of(objects: int) -> PackRow:
    return PackRow(f"p{objects}", "r", "c", "push", objects, 1, 1, 1, "", "", 1)


@pytest.mark.parametrize(
    ("counts", "joined"),
    [
        ([1, 2, 4, 8], []),
        ([1, 1], [1, 1]),
        ([3, 3, 3, 1000], [3, 3, 3]),
        ([1, 1, 3, 100], [1, 1, 3]),
        ([5, 1000, 1001], [5, 1000, 1001]),
    ],
)
def test_the_packs_joined_leave_a_geometric_progression(counts: list[int], joined: list[int]) -> None:
    assert [pack.object_count for pack in rolled_up([pack_of(count) for count in counts])] == joined


def test_many_packs_become_few_and_nothing_is_lost(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    assert maintenance(node).run() == 1
    fresh = node.beside(tmp_path / "fresh").open("Demo")
    assert len(fresh.snapshot.packs) < 4
    with fresh.reading() as path:
        git(path, "fsck", "--full")
        assert git(path, "rev-parse", MAIN) == git(local, "rev-parse", "main")


def test_a_repository_with_few_packs_is_left_alone(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    assert maintenance(node).run() == 0


def test_git_gets_a_bitmap_and_a_commit_graph(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    maintenance(node).run()
    folder = node.cache.path(node.open("Demo").row.repository_id) / "objects"
    assert list((folder / "pack").glob("multi-pack-index-*.bitmap"))
    assert (folder / "info" / "commit-graph").exists()


def test_a_large_repository_gets_a_bitmap_without_a_repack_and_a_small_one_none(
    node: Node, local: Path
) -> None:
    git(local, "fast-import", "--quiet", given=a_long_history(1200))
    node.push("Demo", local, {MAIN: "refs/heads/long"})
    node.repositories.create(node.caller, "Small")
    node.push("Small", local, {MAIN: "main"})
    assert maintenance(node).derive_missing(node.cache.cached()) == 1
    folder = node.cache.path(node.open("Demo").row.repository_id) / "objects"
    assert list((folder / "pack").glob("multi-pack-index-*.bitmap"))
    assert maintenance(node).derive_missing(node.cache.cached()) == 0


def test_packs_that_no_row_names_leave_the_cache_and_git_goes_on(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    maintenance(node).run()
    opened = node.open("Demo")
    keep = {pack.checksum for pack in opened.snapshot.packs}
    assert node.cache.drop_packs(opened.row.repository_id, keep)
    with opened.reading() as path:
        assert len(list((path / "objects" / "pack").glob("*.pack"))) == len(keep)
        git(path, "fsck", "--full")


def a_long_history(commits: int) -> str:
    who = "committer A <a@example.com> 1700000000 +0000"
    return "".join(
        f"commit refs/heads/long\n{who}\ndata 1\n.\nM 100644 inline f\ndata {len(str(n))}\n{n}\n"
        for n in range(commits)
    )


def test_a_push_that_leaned_on_packs_replaced_meanwhile_checks_again_and_succeeds(
    node: Node, local: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    before = node.open("Demo")
    maintenance(node).run()
    git(local, "commit", "--quiet", "--allow-empty", "--message", "late")
    assert node.push("Demo", local, {MAIN: "main"}, opened=before).refused == {}
    assert node.refs("Demo") == {MAIN: git(local, "rev-parse", "main")}


def test_only_one_node_repacks_at_a_time(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    repository_id = node.open("Demo").row.repository_id
    with node.database.write() as connection:
        now_ms = node.database.now_ms(connection)
        held = leases.acquire(
            connection, f"repack:{repository_id}", "another node", now_ms=now_ms, duration_ms=60_000
        )
    assert held is not None
    assert not maintenance(node).repack(repository_id)


class Overtaken(DirectoryBlobs):
    """Blobs so slow that, meanwhile, another node takes the repacker's lease."""

    def __init__(self, path: Path, database: Database) -> None:
        super().__init__(path)
        self.database = database

    def put_all(self, contents: Mapping[str, BinaryIO]) -> None:
        super().put_all(contents)
        name = f"repack:{next(iter(contents)).split('/')[1]}"
        with self.database.write() as connection:
            later = self.database.now_ms(connection) + 3_600_000
            leases.acquire(connection, name, "another node", now_ms=later, duration_ms=3_600_000)


def test_a_repacker_that_lost_its_lease_changes_nothing(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    before = node.open("Demo").snapshot
    slow = replace(maintenance(node), blobs=Overtaken(tmp_path / "blobs", node.database))
    with pytest.raises(Fault, match="another has taken over"):
        slow.repack(before.row.repository_id)
    assert node.open("Demo").snapshot.packs == before.packs


def verifier(node: Node, scratch: Path) -> Verifier:
    scratch.mkdir(exist_ok=True)
    return Verifier(node.database, node.blobs, node.opener, scratch)


def problems(node: Node, scratch: Path) -> list[str]:
    checker = verifier(node, scratch)
    return [finding.problem for each in checker.repository_ids() for finding in checker.findings(each)]


def test_verify_finds_nothing_where_all_is_well(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main", "refs/tags/v1": "main"})
    assert problems(node, tmp_path / "scratch") == []


def test_verify_names_a_blob_that_is_missing(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    (pack,) = node.open("Demo").snapshot.packs
    node.blobs.delete(pack.index_key)
    assert problems(node, tmp_path / "scratch") == [f"blob {pack.index_key} is missing"]


def test_verify_names_a_blob_with_a_flipped_bit(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    (pack,) = node.open("Demo").snapshot.packs
    flip_a_bit(tmp_path / "blobs" / pack.pack_key)
    (problem,) = problems(node, tmp_path / "scratch")
    assert problem.startswith(f"blob {pack.pack_key} was changed")


def test_verify_sees_a_cache_whose_refs_differ_from_the_rows(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    opened = node.open("Demo")
    with opened.reading() as path:
        (path / MAIN).parent.mkdir(parents=True, exist_ok=True)
        (path / MAIN).write_text(git(local, "rev-parse", "main~1") + "\n")
    assert len(problems(node, tmp_path / "scratch")) == 2


def test_a_damaged_blob_fails_loudly_and_serves_no_wrong_bytes(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    (pack,) = node.open("Demo").snapshot.packs
    flip_a_bit(tmp_path / "blobs" / pack.pack_key)
    other = node.beside(tmp_path / "other").open("Demo")
    with pytest.raises(Fault, match="EncryptionIntegrityChecksFailedException"), other.reading():
        pass


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)


def ignore(_done: int, _all: int) -> None:
    pass


def test_a_backup_restores_into_an_empty_installation(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    many_pushes(node, local, 6)
    maintenance(node).run()
    saved = backup.backup(node.database, node.blobs, tmp_path / "backup", ignore)
    database = Database.open(f"sqlite:///{tmp_path}/restored.db")
    database.migrate()
    blobs = DirectoryBlobs(tmp_path / "restored-blobs")
    assert backup.restore(database, blobs, tmp_path / "backup", ignore) == saved
    restored = Node(**{**vars(node), "database": database, "blobs": blobs}).beside(tmp_path / "new")
    assert restored.refs("Demo") == node.refs("Demo")
    assert problems(restored, tmp_path / "scratch") == []
    database.close()


def test_a_restored_service_tells_nobody_of_what_was_on_its_way_then(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    with node.database.write() as connection:
        assert outbox.unsent(connection)
        deliveries.add(connection, [Message("sink", "demo", "us-east-2", "{}")], 1)
    backup.backup(node.database, node.blobs, tmp_path / "backup", ignore)
    database = Database.open(f"sqlite:///{tmp_path}/restored.db")
    database.migrate()
    backup.restore(database, DirectoryBlobs(tmp_path / "restored"), tmp_path / "backup", ignore)
    with database.read() as connection:
        assert outbox.unsent(connection) == []
        assert deliveries.listing(connection) == []
    database.close()


def test_a_second_backup_copies_only_what_is_new(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    backup.backup(node.database, node.blobs, tmp_path / "backup", ignore)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "backup" / "blobs").rglob("*.pack")}
    many_pushes(node, local, 1)
    backup.backup(node.database, node.blobs, tmp_path / "backup", ignore)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "backup" / "blobs").rglob("*.pack")}
    assert len(after) == 2
    assert before.items() <= after.items()


def test_no_blob_of_a_backup_can_be_read_without_the_root_key(
    node: Node, local: Path, tmp_path: Path
) -> None:
    (local / "canary.txt").write_text("CANARY-IN-PLAIN-SIGHT" * 100)
    git(local, "add", "canary.txt")
    git(local, "-c", "core.compression=0", "commit", "--quiet", "--message", "canary")
    node.push("Demo", local, {MAIN: "main"})
    backup.backup(node.database, node.blobs, tmp_path / "backup", ignore)
    saved = b"".join(path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file())
    assert b"CANARY" not in saved
    assert b"PACK\0\0\0\2" not in saved


def test_the_cache_forgets_what_is_used_least_when_it_is_full(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.repositories.create(node.caller, "Other")
    node.push("Demo", local, {MAIN: "main"})
    node.push("Other", local, {MAIN: "main"})
    demo, other = (node.open(name).row.repository_id for name in ("Demo", "Other"))
    os.utime(node.cache.path(other) / "generation", (1, 1))  # two uses may fall into one tick of the clock
    files = (node.cache.folder / "repositories").rglob("*")
    kept = sum(file.stat().st_size for file in files if file.is_file())
    small = WorkingCache(node.cache.folder, kept - 1, node.blobs)
    assert small.evict() > 0
    assert node.cache.path(demo).exists()
    assert not node.cache.path(other).exists()


def test_what_is_being_read_is_never_evicted(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    with node.open("Demo").reading() as path:
        assert WorkingCache(node.cache.folder, 0, node.blobs).evict() == 0
        assert path.exists()


def test_a_cache_deleted_under_the_service_is_filled_again(node: Node, local: Path, tmp_path: Path) -> None:
    import shutil

    node.push("Demo", local, {MAIN: "main"})
    shutil.rmtree(node.cache.folder)
    with node.open("Demo").reading() as path:
        assert git(path, "rev-parse", MAIN) == git(local, "rev-parse", "main")


def test_a_cache_that_lost_one_pack_is_filled_again(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    with node.open("Demo").reading() as path:
        for pack in (path / "objects" / "pack").glob("*.pack"):
            pack.unlink()
    with node.open("Demo").reading() as path:
        git(path, "fsck", "--full")


def set_key_state(node: Node, state: str) -> None:
    with node.database.write() as connection:
        connection.execute(update(tables.kms_keys).values(state=state))


def test_the_plaintext_of_a_repository_deleted_by_another_node_leaves_this_cache(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    node.repositories.create(node.caller, "Stays")
    node.push("Stays", local, {MAIN: "main"})
    stays = node.open("Stays").row.repository_id
    node.beside(tmp_path / "other").repositories.delete(node.caller, "Demo")
    assert len(node.cache.cached()) == 2
    assert maintenance(node).purge_unusable() == 1
    assert node.cache.cached() == [stays]


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_the_plaintext_under_a_key_switched_off_leaves_the_cache(node: Node, local: Path, state: str) -> None:
    node.push("Demo", local, {MAIN: "main"})
    set_key_state(node, state)
    assert maintenance(node).purge_unusable() == 1
    assert list((node.cache.folder / "repositories").iterdir()) == []
    set_key_state(node, "Enabled")
    with node.open("Demo").reading() as path:
        git(path, "fsck", "--full")


def test_a_repository_that_cannot_be_repacked_stops_no_other(node: Node, local: Path) -> None:
    for name, pushes in (("Demo", 8), ("Other", 6)):
        if name != "Demo":
            node.repositories.create(node.caller, name)
        for _ in range(pushes):
            git(local, "commit", "--quiet", "--allow-empty", "--message", name)
            assert node.push(name, local, {MAIN: "main"}).refused == {}
    pack = node.open("Demo").snapshot.packs[0]
    node.blobs.delete(pack.pack_key)
    node.cache.purge(pack.repository_id)
    assert maintenance(node).run() == 1
    assert len(node.open("Other").snapshot.packs) < 4


def test_a_bitmap_that_cannot_be_made_stops_no_other(node: Node, local: Path) -> None:
    git(local, "fast-import", "--quiet", given=a_long_history(1200))
    for name in ("Demo", "Other"):
        if name != "Demo":
            node.repositories.create(node.caller, name)
        node.push(name, local, {MAIN: "refs/heads/long"})
    broken, fine = (node.open(name).snapshot.packs[0] for name in ("Demo", "Other"))
    node.blobs.delete(broken.pack_key)
    next(node.cache.path(broken.repository_id).rglob("*.pack")).unlink()
    assert maintenance(node).derive_missing([broken.repository_id, fine.repository_id]) == 1
