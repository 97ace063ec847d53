"""Packs that a repack replaced stay for a day: who began to read before it may still need them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from codecommit_at_hand import git
from moorage.keys.keyring import Keyring
from moorage.repos.maintenance import Maintenance
from moorage.repos.sweep import Sweeper
from moorage.server import duties
from moorage.server.dispatch import Dispatcher
from moorage.server.stores import Stores
from moorage.server.trigger_targets import TriggerTargets
from moorage.storage import tables
from repository_at_hand import Node

MAIN = "refs/heads/main"
DAY_MS = 24 * 60 * 60 * 1000
MINUTE_MS = 60 * 1000


def repacked(node: Node, local: Path) -> set[str]:
    """Push often, repack; return the keys of the blobs that were replaced."""
    for _ in range(6):
        git(local, "commit", "--quiet", "--allow-empty", "--message", "one more")
        assert node.push("Demo", local, {MAIN: "main"}).refused == {}
    before = {blob.key for blob in node.blobs.keys("r/")}
    assert Maintenance(node.database, node.blobs, node.opener, "this node", many_packs=5).run() == 1
    live = {key for pack in node.open("Demo").snapshot.packs for key in (pack.pack_key, pack.index_key)}
    return before - live


def retire_earlier(node: Node, milliseconds: int) -> None:
    at = tables.packs.c.retired_at_ms
    with node.database.write() as connection:
        connection.execute(update(tables.packs).values(retired_at_ms=at - milliseconds))


def swept(node: Node) -> set[str]:
    """Sweep, however young the blobs are; return the keys that went."""
    before = {blob.key for blob in node.blobs.keys("r/")}
    Sweeper(node.database, node.blobs, grace_ms=-1).sweep()
    return before - {blob.key for blob in node.blobs.keys("r/")}


def test_a_retired_pack_stays_for_24_hours_and_then_goes(node: Node, local: Path, tmp_path: Path) -> None:
    retired = repacked(node, local)
    assert retired
    retire_earlier(node, DAY_MS - MINUTE_MS)
    assert swept(node) == set()
    retire_earlier(node, 2 * MINUTE_MS)
    assert swept(node) == retired
    with node.beside(tmp_path / "fresh").open("Demo").reading() as path:
        git(path, "fsck", "--full")


def test_a_node_that_began_before_a_repack_can_still_bring_what_it_needs(
    node: Node, local: Path, tmp_path: Path
) -> None:
    other = node.beside(tmp_path / "other")
    node.push("Demo", local, {MAIN: "main"})
    began = other.open("Demo")
    repacked(node, local)
    swept(node)
    with began.reading() as path:
        git(path, "fsck", "--full")


def test_the_cache_keeps_a_retired_pack_as_long_as_its_row(node: Node, local: Path) -> None:
    repacked(node, local)
    parts = (node.gate, Keyring(node.database, node.root_key, node.gate), node.opener, node.publisher)
    stores = Stores(node.database, node.blobs, node.cache, *parts, node.repositories)
    dispatcher = Dispatcher(node.database, {}, TriggerTargets(), "this node")
    jobs = duties.jobs(stores, node.root_key, dispatcher, "this node")
    tidy = next(job for job in jobs if job.name == "tidy")
    packs = node.cache.path(node.open("Demo").row.repository_id) / "objects" / "pack"
    tidy.work()
    kept = len(list(packs.glob("*.pack")))
    assert kept > len(node.open("Demo").snapshot.packs)
    retire_earlier(node, DAY_MS + MINUTE_MS)
    swept(node)
    tidy.work()
    assert len(list(packs.glob("*.pack"))) == len(node.open("Demo").snapshot.packs)
