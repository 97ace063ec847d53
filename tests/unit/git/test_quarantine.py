from __future__ import annotations

import random
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.git.fsck_tolerance import TOLERATED
from moorage.git.quarantine import Quarantine, ReceiveLimits, sweep_stale
from unit.git.handmade import (
    Repository,
    a_commit,
    a_pack,
    a_tree,
    entry_header,
    id_of,
    sealed,
)

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
NOBODY = ObjectId("1" * 40)
EMPTY_TREE = ObjectId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")


@pytest.fixture
def quarantine(tmp_path: Path, repository: Repository) -> Iterator[Quarantine]:
    with Quarantine(tmp_path / "quarantine", repository.path / "objects") as opened:
        yield opened


def test_a_pack_comes_out_whole_indexed_and_counted(quarantine: Quarantine, elsewhere: Repository) -> None:
    tip = elsewhere.commit()
    received = quarantine.receive(iter([elsewhere.pack(tip)]))
    assert received is not None
    assert received.object_count == 3
    assert received.pack_bytes == received.pack.stat().st_size
    assert received.checksum == received.pack.read_bytes()[-20:].hex()
    assert received.index.exists()
    quarantine.require_connected([tip], [])


def test_a_thin_pack_is_completed_from_the_borrowed_objects(
    quarantine: Quarantine, repository: Repository
) -> None:
    text = "".join(f"line {number}\n" for number in range(2000))
    old = repository.commit(text)
    scratch = Repository(repository.path.parent / "pusher.git")
    subprocess.run(["git", "clone", "-q", "--bare", repository.path, scratch.path], check=True)
    scratch.git("fetch", "-q", str(repository.path), old)
    new = scratch.commit(text + "one more\n", parents=[old])
    pack = scratch.pack(new, excluding=[old], thin=True)
    assert len(pack) < 600
    received = quarantine.receive(iter([pack]))
    assert received is not None
    assert received.object_count == 4  # with the delta's base
    assert received.largest_object_bytes == len(text) + len("one more\n")
    quarantine.require_connected([new], [old])


def test_an_empty_pack_and_no_pack_bring_nothing(quarantine: Quarantine) -> None:
    assert quarantine.receive(iter([a_pack()])) is None
    with Quarantine(quarantine._parent, quarantine._objects) as other:
        assert other.receive(iter([])) is None


@pytest.mark.parametrize("pack", [b"PACK", b"garbage" * 20, a_pack()[:-1] + b"x", a_pack() + b"more"])
def test_bytes_that_are_no_pack_are_refused(quarantine: Quarantine, pack: bytes) -> None:
    with pytest.raises(Fault) as refusal:
        quarantine.receive(iter([pack]))
    assert refusal.value.message
    assert "/" not in refusal.value.message


def test_a_push_over_its_size_is_refused_while_it_comes(quarantine: Quarantine) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    with pytest.raises(Fault, match="more than 5000 bytes"):
        quarantine.receive(endless(), ReceiveLimits(pack_bytes=5000))
    assert taken == 6


def test_objects_over_their_size_are_refused_by_name(quarantine: Quarantine) -> None:
    content = b"x" * 5000
    with pytest.raises(Fault, match=f"blob {id_of('blob', content)} has 5000 bytes where 4999"):
        quarantine.receive(iter([a_pack(("blob", content))]), ReceiveLimits(object_bytes=4999))


def test_commits_have_a_limit_of_their_own(quarantine: Quarantine) -> None:
    tree = ("tree", b"")
    commit = ("commit", a_commit(EMPTY_TREE, message="x" * 3000))
    with pytest.raises(Fault, match=r"commit .* where 2000 are allowed"):
        quarantine.receive(iter([a_pack(tree, commit)]), ReceiveLimits(metadata_bytes=2000))


def test_a_disconnected_push_is_refused(quarantine: Quarantine) -> None:
    commit = a_commit(EMPTY_TREE).replace(b"author", b"parent " + b"1" * 40 + b"\nauthor", 1)
    with pytest.raises(Fault, match=NOBODY):
        quarantine.receive(iter([a_pack(("tree", b""), ("commit", commit))]))


def test_a_tip_that_nobody_has_is_refused(quarantine: Quarantine) -> None:
    quarantine.receive(iter([a_pack()]))
    with pytest.raises(Fault, match="missing necessary objects"):
        quarantine.require_connected([NOBODY], [])


def test_the_walk_is_repeated_with_all_tips_only_where_the_near_ones_do_not_do(
    quarantine: Quarantine, repository: Repository
) -> None:
    tip = repository.commit()
    asked = []

    def all_tips() -> list[ObjectId]:
        asked.append(True)
        return [tip]

    quarantine.require_connected([tip], [], all_tips)
    assert not asked
    quarantine.require_connected([tip], [NOBODY], all_tips)
    assert asked


def test_only_what_accepted_tips_reach_is_packed_again(
    quarantine: Quarantine, repository: Repository, elsewhere: Repository
) -> None:
    live = repository.commit("live\n")
    wanted, secret = elsewhere.commit("wanted\n"), elsewhere.commit("secret\n")
    quarantine.receive(iter([elsewhere.pack(wanted, secret)]))
    kept = quarantine.pack_of([wanted], excluding=[live])
    assert kept is not None
    assert kept.object_count == 3
    assert kept.largest_object_bytes == len(elsewhere.git("cat-file", "commit", wanted))
    listing = subprocess.run(
        ["git", "show-index"], input=kept.index.read_bytes(), capture_output=True, check=True
    ).stdout.decode()
    assert wanted in listing
    assert secret not in listing
    assert kept.checksum == kept.pack.read_bytes()[-20:].hex()


def test_nothing_is_packed_again_for_tips_that_are_live(
    quarantine: Quarantine, repository: Repository, elsewhere: Repository
) -> None:
    live = repository.commit("live\n")
    quarantine.receive(iter([elsewhere.pack(elsewhere.commit("refused\n"))]))
    assert quarantine.pack_of([live], excluding=[]) is None


def test_tags_are_peeled_to_their_end_and_types_told(quarantine: Quarantine, repository: Repository) -> None:
    commit = repository.commit()
    inner = repository.tag(commit, "inner")
    outer = repository.tag(inner, "outer", kind="tag")
    assert quarantine.peel([commit, outer, NOBODY]) == {commit: commit, outer: commit}
    assert quarantine.types_of([commit, outer, NOBODY]) == {commit: "commit", outer: "tag"}


@pytest.mark.parametrize(
    "identity", ["<> 1 +0000", "Ada <ada> 1 +51800", "Ada<a@b> 1 +0000", "Ada <a@b> 01 +0000"]
)
def test_odd_identities_of_old_histories_are_tolerated(quarantine: Quarantine, identity: str) -> None:
    commit = a_commit(EMPTY_TREE, author=identity)
    assert quarantine.receive(iter([a_pack(("tree", b""), ("commit", commit))])) is not None


def test_zero_padded_modes_are_tolerated(quarantine: Quarantine) -> None:
    blob = b"x"
    tree = a_tree(("0100644", b"file", id_of("blob", blob)))
    assert quarantine.receive(iter([a_pack(("blob", blob), ("tree", tree))])) is not None


@pytest.mark.parametrize("name", [b".git", b".GiT", b"..", b".", b"git~1", b"a/b", b".git\xe2\x80\x8c"])
def test_names_that_escape_or_pose_as_git_stay_fatal(quarantine: Quarantine, name: bytes) -> None:
    blob = b"x"
    tree = a_tree(("100644", name, id_of("blob", blob)))
    with pytest.raises(Fault) as refusal:
        quarantine.receive(iter([a_pack(("blob", blob), ("tree", tree))]))
    assert id_of("tree", tree) in refusal.value.message


@pytest.mark.parametrize(
    ("names", "fault"), [((b"a", b"a"), "duplicateEntries"), ((b"b", b"a"), "treeNotSorted")]
)
def test_trees_that_programs_read_differently_stay_fatal(
    quarantine: Quarantine, names: tuple[bytes, bytes], fault: str
) -> None:
    blob = b"x"
    tree = a_tree(*(("100644", name, id_of("blob", blob)) for name in names))
    with pytest.raises(Fault, match=fault):
        quarantine.receive(iter([a_pack(("blob", blob), ("tree", tree))]))


def test_a_submodule_file_that_is_a_link_stays_fatal(quarantine: Quarantine) -> None:
    blob = b"elsewhere"
    tree = a_tree(("120000", b".gitmodules", id_of("blob", blob)))
    with pytest.raises(Fault, match="gitmodulesSymlink"):
        quarantine.receive(iter([a_pack(("blob", blob), ("tree", tree))]))


def test_the_page_of_tolerated_faults_is_the_list() -> None:
    page = Path(__file__).parents[3] / "docs" / "mechanisms" / "fsck-tolerance.md"
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page.read_text(), re.MULTILINE)
    assert dict(rows) == TOLERATED


def test_dangerous_submodules_stay_fatal(quarantine: Quarantine) -> None:
    modules = b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n'
    tree = a_tree(("100644", b".gitmodules", id_of("blob", modules)))
    with pytest.raises(Fault, match="gitmodulesUrl"):
        quarantine.receive(iter([a_pack(("blob", modules), ("tree", tree))]))


def test_the_installed_git_knows_every_tolerated_fault(quarantine: Quarantine) -> None:
    assert len(TOLERATED) > 10
    assert quarantine.receive(iter([a_pack(("blob", b"x"))])) is not None  # an unknown name is fatal


def a_delta_bomb(size: int, deltas: int) -> bytes:
    """A blob, and deltas that each copy it over and over into `size` bytes."""
    base = b"\0" * 65536
    copy = b"\xb0\xff\xff"  # copy 65,535 bytes from offset 0
    body = _varint(len(base)) + _varint(size // 65535 * 65535) + copy * (size // 65535)
    entries = [entry_header(3, len(base)) + zlib.compress(base)]
    for number in range(deltas):
        delta = body + bytes([1, number])  # insert a byte, so that each result differs
        delta = (
            _varint(len(base))
            + _varint(size // 65535 * 65535 + 1)
            + delta[len(_varint(len(base))) :][len(_varint(size // 65535 * 65535)) :]
        )
        entries.append(
            entry_header(7, len(delta)) + bytes.fromhex(id_of("blob", base)) + zlib.compress(delta)
        )
    return sealed(b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_a_delta_bomb_is_stopped_with_a_reason(quarantine: Quarantine) -> None:
    with pytest.raises(Fault, match="memory"):
        quarantine.receive(iter([a_delta_bomb(256 * MEGABYTE, 5)]))


@pytest.mark.parametrize("kind", ["commit", "tree", "tag"])
def test_a_huge_object_in_a_small_pack_is_stopped_with_a_reason(quarantine: Quarantine, kind: str) -> None:
    pack = a_pack((kind, b"\0" * (80 * MEGABYTE)))
    assert len(pack) < 100_000
    with pytest.raises(Fault, match=r"an object needs 8388.* bytes of memory where 67108864 are allowed"):
        quarantine.receive(iter([pack]))


def test_a_large_blob_passes_in_little_memory(quarantine: Quarantine) -> None:
    received = quarantine.receive(iter([a_pack(("blob", b"\0" * (80 * MEGABYTE)))]))
    assert received is not None
    assert received.largest_object_bytes == 80 * MEGABYTE


def test_a_pack_too_large_to_be_held_passes_by_a_file(quarantine: Quarantine) -> None:
    content = random.Random(1).randbytes(3 * MEGABYTE)
    pack = a_pack(("blob", content))
    received = quarantine.receive(pack[start : start + 10_000] for start in range(0, len(pack), 10_000))
    assert received is not None
    assert received.pack.read_bytes() == pack
    assert quarantine.types_of([id_of("blob", content)]) == {id_of("blob", content): "blob"}


def test_a_failed_client_leaves_nothing(tmp_path: Path, repository: Repository) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b"PACK"
        raise ConnectionError

    parent = tmp_path / "quarantine"
    with pytest.raises(ConnectionError), Quarantine(parent, repository.path / "objects") as opened:
        opened.receive(breaks_off())
    assert [found.name for found in parent.iterdir()] == ["lock"]


def test_what_a_killed_process_left_is_swept_and_live_ones_are_not(
    tmp_path: Path, repository: Repository
) -> None:
    parent = tmp_path / "quarantine"
    program = (
        "import os, sys; from pathlib import Path; from moorage.git.quarantine import Quarantine\n"
        "held = Quarantine(Path(sys.argv[1]), Path(sys.argv[2])).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, parent, repository.path / "objects"], check=False)
    with Quarantine(parent, repository.path / "objects") as live:
        assert len(list(parent.glob("push-*"))) == 2
        assert sweep_stale(parent) == 1
        assert list(parent.glob("push-*")) == [live._folder]
    assert sweep_stale(parent) == 0
    assert sweep_stale(tmp_path / "never made") == 0


def test_heavy_pushes_are_announced(quarantine: Quarantine) -> None:
    entered = []

    class Alone:
        def __enter__(self) -> None:
            entered.append(True)

        def __exit__(self, *_: object) -> None:
            pass

    quarantine.receive(iter([a_pack(("blob", b"x"))]), heavy=Alone)
    assert not entered
    with Quarantine(quarantine._parent, quarantine._objects, largest_live_bytes=100 * MEGABYTE) as other:
        other.receive(iter([a_pack(("blob", b"x"))]), heavy=Alone)
    assert entered
