from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from codecommit_at_hand import git
from moorage.core.faults import Fault
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
    with pytest.raises(Fault, match="no room") as refused, other.open("Demo").reading():
        pass
    assert refused.value.status == 503
