from __future__ import annotations

import random
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from moorage.core.names import ObjectId
from moorage.git import small_packs
from unit.git.handmade import Repository, a_pack, entry_header, id_of, sealed


def indexed(folder: Path, pack: bytes) -> tuple[Path, Path]:
    path = folder / "some.pack"
    path.write_bytes(pack)
    subprocess.run(["git", "index-pack", str(path)], check=True, cwd=folder, capture_output=True)
    return path, path.with_suffix(".idx")


def told_by_git(repository: Repository) -> tuple[int, set[str]]:
    """The largest size and all commits, as git tells them."""
    told = repository.git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectsize) %(objecttype) %(objectname)"
    )
    rows = [line.split() for line in told.decode().splitlines()]
    return max(int(size) for size, _, _ in rows), {name for _, kind, name in rows if kind == "commit"}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("options", [(), ("--delta-base-offset",)])
def test_a_pack_is_read_as_git_reads_it(
    tmp_path: Path, elsewhere: Repository, seed: int, options: tuple[str, ...]
) -> None:
    chance = random.Random(seed)
    lines = [f"line {chance.random()}\n" for _ in range(chance.choice([1, 20, 3000]))]
    tips: list[ObjectId] = []
    for _ in range(6):
        lines[chance.randrange(len(lines))] = f"changed {chance.random()}\n"
        tips.append(elsewhere.commit("".join(lines), parents=tips[-1:]))
    packed = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q", *options],
        input=f"{tips[-1]}\n".encode(),
        cwd=elsewhere.path,
        capture_output=True,
        check=True,
    ).stdout
    found = small_packs.contents(*indexed(tmp_path, packed))
    assert found is not None
    largest, commits = told_by_git(elsewhere)
    assert found.largest_bytes == largest
    assert found.commits <= commits  # one stored as a delta is left to git
    assert tips[-1] in found.commits


def test_a_large_pack_is_left_to_git(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(1 << 20)
    assert small_packs.contents(*indexed(tmp_path, a_pack(("blob", noise)))) is None


def test_a_pack_of_many_objects_is_left_to_git(tmp_path: Path) -> None:
    blobs = [("blob", str(number).encode()) for number in range(2001)]
    assert small_packs.contents(*indexed(tmp_path, a_pack(*blobs))) is None


def test_a_delta_deflated_in_a_roundabout_way_is_left_to_git(tmp_path: Path) -> None:
    base = b"base " * 20
    delta = bytes([len(base), 3, 3]) + b"new"
    padded = b"\x78\x9c" + 200 * b"\x00\x00\x00\xff\xff" + zlib.compress(delta)[2:]
    assert zlib.decompress(padded) == delta
    name = bytes.fromhex(id_of("blob", base))
    entries = entry_header(3, len(base)) + zlib.compress(base) + entry_header(7, len(delta)) + name + padded
    pack = sealed(b"PACK" + struct.pack(">II", 2, 2) + entries)
    assert small_packs.contents(*indexed(tmp_path, pack)) is None
