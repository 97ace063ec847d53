"""One contract for every blob store."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from moorage.storage.blobs import BlobExists, BlobMissing, BlobStore
from moorage.storage.open_blobs import open_blobs

MEBIBYTE = 1 << 20


@pytest.fixture(params=["memory", "directory", pytest.param("s3", marks=pytest.mark.slow)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "memory":
        return open_blobs("memory:")
    if request.param == "directory":
        return open_blobs(f"file://{tmp_path / 'blobs'}")
    return open_blobs(str(request.getfixturevalue("s3_url")))


def put(blobs: BlobStore, key: str, data: bytes) -> None:
    blobs.put(key, io.BytesIO(data))


def get(blobs: BlobStore, key: str) -> bytes:
    with blobs.get(key) as stream:
        return stream.read()


def names(blobs: BlobStore, prefix: str = "") -> list[str]:
    return [entry.key for entry in blobs.keys(prefix)]


def long(length: int) -> bytes:
    return (bytes(range(256)) * (length // 256 + 1))[:length]


def test_it_says_that_it_is_usable(blobs: BlobStore) -> None:
    blobs.require_usable()
    assert names(blobs) == []


@pytest.mark.parametrize("length", [0, 1, 100_000, 8 * MEBIBYTE, 20 * MEBIBYTE + 1])
def test_what_was_put_is_got(blobs: BlobStore, length: int) -> None:
    put(blobs, "r/1/p/1.pack", long(length))
    assert get(blobs, "r/1/p/1.pack") == long(length)
    assert blobs.size("r/1/p/1.pack") == length


def test_a_blob_can_be_read_in_small_pieces(blobs: BlobStore) -> None:
    put(blobs, "a", long(200_000))
    with blobs.get("a") as stream:
        pieces = list(iter(lambda: stream.read(7001), b""))
    assert b"".join(pieces) == long(200_000)


@pytest.mark.parametrize("length", [10, 9 * MEBIBYTE])
def test_putting_the_same_bytes_again_is_harmless(blobs: BlobStore, length: int) -> None:
    put(blobs, "a/b", long(length))
    put(blobs, "a/b", long(length))
    assert get(blobs, "a/b") == long(length)


@pytest.mark.parametrize("length", [10, 9 * MEBIBYTE])
@pytest.mark.parametrize("change", ["other", "longer", "shorter"])
def test_other_bytes_under_a_taken_key_are_refused_and_change_nothing(
    blobs: BlobStore, length: int, change: str
) -> None:
    first = long(length)
    second = {"other": b"#" + first[1:], "longer": first + b"#", "shorter": first[:-1]}[change]
    put(blobs, "a/b", first)
    with pytest.raises(BlobExists):
        put(blobs, "a/b", second)
    assert get(blobs, "a/b") == first


def test_several_are_put_at_once(blobs: BlobStore) -> None:
    wanted = {f"several/{number}": bytes([number]) * 10 for number in range(6)} | {"beside/one": b""}
    blobs.put_all({key: io.BytesIO(data) for key, data in wanted.items()})
    assert {key: get(blobs, key) for key in wanted} == wanted


def test_of_several_one_whose_key_is_taken_is_told(blobs: BlobStore) -> None:
    put(blobs, "taken", b"before")
    with pytest.raises(BlobExists):
        blobs.put_all({"free": io.BytesIO(b"new"), "taken": io.BytesIO(b"after")})
    assert get(blobs, "taken") == b"before"


def test_a_missing_blob_is_named(blobs: BlobStore) -> None:
    put(blobs, "a/b", b"x")
    for key in ("a/c", "c", "a", "b/c/d"):
        with pytest.raises(BlobMissing, match=key):
            get(blobs, key)
        with pytest.raises(BlobMissing, match=key):
            blobs.size(key)


def test_a_deleted_blob_is_gone_and_its_key_is_free(blobs: BlobStore) -> None:
    put(blobs, "a/b/c", b"1")
    put(blobs, "a/d", b"2")
    blobs.delete("a/b/c")
    assert names(blobs) == ["a/d"]
    with pytest.raises(BlobMissing):
        get(blobs, "a/b/c")
    put(blobs, "a/b/c", b"3")
    assert get(blobs, "a/b/c") == b"3"


def test_deleting_what_is_not_there_is_no_error(blobs: BlobStore) -> None:
    put(blobs, "a/b", b"1")
    for key in ("a/c", "b", "a/b/c", "x/y/z"):
        blobs.delete(key)
    assert names(blobs) == ["a/b"]


def test_keys_come_sorted_with_their_sizes_and_times(blobs: BlobStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    for key in ("r/2/p/1.pack", "r/1/p/2.idx", "r/1/p/1.pack", "r/10/p/1.pack", "a", "z/z"):
        put(blobs, key, key.encode())
    entries = list(blobs.keys())
    assert [entry.key for entry in entries] == [
        "a",
        "r/1/p/1.pack",
        "r/1/p/2.idx",
        "r/10/p/1.pack",
        "r/2/p/1.pack",
        "z/z",
    ]
    assert all(entry.size == len(entry.key) for entry in entries)
    after = datetime.now(UTC) + timedelta(seconds=5)
    assert all(
        before.timestamp() * 1000 <= entry.modified_ms <= after.timestamp() * 1000 for entry in entries
    )


def test_folders_whose_names_continue_one_another_are_listed_once_each(blobs: BlobStore) -> None:
    keys = ["a-b/x", "a.b", "a/b", "a/b.c", "a0", "aa/b"]
    for key in keys:
        put(blobs, key, b"1")
    assert sorted(names(blobs)) == sorted(keys)


def test_a_prefix_is_of_the_text_not_of_folders(blobs: BlobStore) -> None:
    for key in ("r/1/p/1.pack", "r/1/p/1.idx", "r/11/p/3.pack", "r/2/p/1.pack"):
        put(blobs, key, b"1")
    assert names(blobs, "r/1") == ["r/1/p/1.idx", "r/1/p/1.pack", "r/11/p/3.pack"]
    assert names(blobs, "r/1/") == ["r/1/p/1.idx", "r/1/p/1.pack"]
    assert names(blobs, "r/1/p/1.p") == ["r/1/p/1.pack"]
    assert names(blobs, "r/3/") == []
    assert names(blobs, "r/1/p/1.pack/") == []


BAD_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "a/..",
    ".a",
    "a/.b",
    "a\\b",
    "a b",
    "ä",
    "a\0",
    "a\n",
    "x" * 600,
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_lead_elsewhere_is_refused(blobs: BlobStore, key: str) -> None:
    for act in (lambda: put(blobs, key, b"1"), lambda: get(blobs, key), lambda: blobs.delete(key)):
        with pytest.raises(ValueError, match="blob key"):
            act()
    with pytest.raises(ValueError, match="blob key"):
        blobs.size(key)


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", ".", "a//"])
def test_a_prefix_that_could_lead_elsewhere_is_refused(blobs: BlobStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="blob key"):
        list(blobs.keys(prefix))


def test_of_many_who_put_one_key_one_wins_and_keeps_it(blobs: BlobStore) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def race(name: str) -> None:
        start.wait()
        try:
            put(blobs, "one/key", name.encode())
        except BlobExists:
            outcomes.append("lost")
        else:
            outcomes.append(name)

    racers = [threading.Thread(target=race, args=(f"racer {number}",)) for number in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    winners = [outcome for outcome in outcomes if outcome != "lost"]
    assert len(outcomes) == 8
    assert [get(blobs, "one/key").decode()] == winners


class CutOff(io.RawIOBase):
    """Content whose reader fails after a while, as an upload that is cut off."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.left = length

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self.left <= 0 or size < 0:
            raise RuntimeError("cut off")
        piece = b"x" * min(self.left, size)
        self.left -= len(piece)
        return piece


@pytest.mark.parametrize("length", [10, 20 * MEBIBYTE])
def test_content_that_is_cut_off_leaves_no_blob(blobs: BlobStore, length: int) -> None:
    with pytest.raises(RuntimeError, match="cut off"):
        blobs.put("a/b", cast("BinaryIO", CutOff(length)))
    assert names(blobs) == []
    put(blobs, "a/b", b"whole")
    assert get(blobs, "a/b") == b"whole"
