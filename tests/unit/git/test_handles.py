from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pygit2
import pytest

from moorage.git.handles import Handles


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "bare.git"
    pygit2.init_repository(str(path), bare=True)
    return path


def packed(path: Path, text: bytes) -> str:
    """Put a blob into a pack of its own."""
    blob = str(pygit2.Repository(str(path)).create_blob(text))
    _git(path, "pack-objects", "--quiet", "objects/pack/pack", given=f"{blob}\n")
    (path / "objects" / blob[:2] / blob[2:]).unlink()
    return blob


def test_a_thread_gets_the_repository_that_it_had_open(bare: Path) -> None:
    handles = Handles()
    assert handles.open(bare) is handles.open(bare)


def test_no_two_threads_have_the_same_one(bare: Path) -> None:
    handles, meeting = Handles(), Barrier(2, timeout=30)

    def opened(_: int) -> pygit2.Repository:
        repository = handles.open(bare)
        meeting.wait()  # so that they are two threads
        return repository

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(opened, range(2))
    assert one is not other


def test_a_pack_that_came_later_is_seen(bare: Path) -> None:
    handles = Handles()
    first = packed(bare, b"first")
    assert handles.open(bare).read(first)[1] == b"first"
    second = packed(bare, b"second")
    assert handles.open(bare).read(second)[1] == b"second"


def test_a_new_index_over_all_packs_opens_the_repository_anew(bare: Path) -> None:
    handles = Handles()
    packed(bare, b"first")
    before = handles.open(bare)
    _git(bare, "multi-pack-index", "write")
    assert handles.open(bare) is not before


def test_a_folder_filled_again_is_read_as_it_is_now(bare: Path) -> None:
    handles = Handles()
    first = packed(bare, b"first")
    assert first in handles.open(bare)
    shutil.rmtree(bare)
    handles.drop(bare)
    pygit2.init_repository(str(bare), bare=True)
    assert first not in handles.open(bare)


def test_no_more_than_so_many_stay_open_and_none_that_nobody_uses(tmp_path: Path) -> None:
    handles = Handles(limit=2)
    for name in ("a", "b", "c"):
        pygit2.init_repository(str(tmp_path / name), bare=True)
        handles.open(tmp_path / name)
    assert len(handles) == 2
    handles.drop_idle(3600)
    assert len(handles) == 2
    handles.drop_idle(0)
    assert len(handles) == 0


def test_what_is_dropped_has_no_file_mapped(bare: Path) -> None:
    handles = Handles()
    first = packed(bare, b"first")
    assert handles.open(bare).read(first)[1] == b"first"
    assert str(bare) in Path("/proc/self/maps").read_text()
    handles.drop(bare)
    assert str(bare) not in Path("/proc/self/maps").read_text()


def _git(path: Path, *arguments: str, given: str = "") -> None:
    subprocess.run(["git", *arguments], cwd=path, input=given.encode(), check=True, capture_output=True)
