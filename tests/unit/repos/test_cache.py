from __future__ import annotations

import errno
import io
import os
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from codecommit_at_hand import git
from moorage.core.faults import Fault
from moorage.git.fetch_request import FetchRequest, parse
from moorage.git.pkt_line import DELIM, FLUSH, encode
from moorage.repos.fetch import Fetches
from moorage.repos.prepared import PreparedResponses
from moorage.storage.blobs_directory import DirectoryBlobs
from repository_at_hand import Node

MAIN = "refs/heads/main"


@pytest.mark.parametrize("kind", ["pack", "idx"])
@pytest.mark.parametrize("left", [0, 10])
def test_a_pack_that_a_power_cut_left_short_in_the_cache_is_fetched_again(
    node: Node, local: Path, kind: str, left: int
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    folder = node.cache.path(node.open("Demo").row.repository_id) / "objects" / "pack"
    damaged = next(folder.glob(f"pack-*.{kind}"))
    damaged.chmod(0o600)
    os.truncate(damaged, left)
    with node.open("Demo").reading() as path:
        git(path, "fsck", "--full")


class FullDisk(DirectoryBlobs):
    """Blobs that nobody has room for."""

    def get(self, key: str) -> BinaryIO:
        raise OSError(errno.ENOSPC, "No space left on device", key)


def test_a_cache_without_room_asks_to_come_back_later(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    other = node.beside(tmp_path / "other")
    other.cache._blobs = FullDisk(tmp_path / "blobs")
    with pytest.raises(Fault, match=r"no room .*--cache") as refused, other.open("Demo").reading():
        pass
    assert refused.value.status == 503


class SmallDisk(DirectoryBlobs):
    """Blobs of which the cache's disk takes the beginning, until a folder of it is gone."""

    def __init__(self, folder: Path, occupied: Path) -> None:
        super().__init__(folder)
        self._occupied = occupied

    def get(self, key: str) -> BinaryIO:
        whole = super().get(key)
        if not self._occupied.exists():
            return whole
        with whole:
            return Stopping(whole.read())


class Stopping(io.BytesIO):
    """A file whose reader finds the disk full after its beginning."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().read(min(size, 40) if size and size > 0 else 40)


def test_a_full_disk_is_freed_of_what_nobody_reads(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    node.repositories.create(node.caller, "Other")
    node.push("Other", local, {MAIN: "main"})
    other = node.beside(tmp_path / "other")
    with other.open("Other").reading() as path:
        pass
    other.cache._blobs = SmallDisk(tmp_path / "blobs", occupied=path)
    with other.open("Demo").reading() as filled:
        git(filled, "fsck", "--full")
    assert not path.exists()


def test_what_did_not_fit_leaves_no_part_behind(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    other = node.beside(tmp_path / "other")
    other.cache._blobs = SmallDisk(tmp_path / "blobs", occupied=tmp_path)
    with pytest.raises(Fault, match="no room"), other.open("Demo").reading():
        pass
    folder = other.cache.path(node.open("Demo").row.repository_id)
    assert not (folder / "generation").exists()
    assert list((folder / "objects" / "pack").iterdir()) == []
    other.cache._blobs = node.blobs
    with other.open("Demo").reading() as path:
        git(path, "fsck", "--full")


@pytest.mark.parametrize("free", [0, 1 << 40])
def test_a_response_that_finds_no_room_goes_straight_to_its_client(
    node: Node, local: Path, free: int
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    tip = git(local, "rev-parse", "main").encode()
    body = b"".join([encode(b"command=fetch"), DELIM, encode(b"want " + tip), encode(b"done"), FLUSH])
    request = parse(body, version=2)
    assert isinstance(request, FetchRequest)
    fetches = Fetches(PreparedResponses(), free_bytes=lambda _folder: free)
    opened = node.open("Demo")
    stream = fetches.open(opened, request, body, "version=2")
    answer = b"".join(iter(stream.read, b""))
    stream.close()
    assert b"PACK" in answer
    responses = node.cache.path(opened.row.repository_id) / "responses"
    assert responses.exists() == bool(free)


def test_the_locks_of_a_repository_go_with_it_unless_it_is_read(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    opened = node.open("Demo")
    locks = node.cache.folder / "locks"
    with opened.reading():
        node.cache.purge(opened.row.repository_id)
        assert node.cache.evict(0) == 0
        assert [file.suffix for file in locks.glob("*.presence")] == [".presence"]
    node.cache.evict(0)
    assert [file.name for file in locks.iterdir() if file.name != "heavy"] == []
    with opened.reading() as path:
        git(path, "fsck", "--full")
    assert node.cache.evict(0) > 0
    assert [file.name for file in locks.iterdir() if file.name != "heavy"] == []


def test_readers_that_come_while_locks_go_always_hold_what_they_read(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    other = node.beside(tmp_path / "other")
    opened = other.open("Demo")
    stop = threading.Event()
    evicting = threading.Thread(target=lambda: [other.cache.evict(0) for _ in iter(stop.is_set, True)])
    evicting.start()
    try:
        for _ in range(100):
            with opened.reading() as path:
                assert (path / "generation").exists()
                assert list((path / "objects" / "pack").glob("*.idx"))
    finally:
        stop.set()
        evicting.join()
