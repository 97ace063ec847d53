from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moorage.core.faults import Fault
from moorage.storage.blobs import BlobExists, BlobMissing
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.open_blobs import open_blobs
from moorage.storage.refusal import StorageRefused


class Recorder:
    """Notes the system calls that durability hangs on, in their order, and makes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        fsync, link = os.fsync, os.link

        def noted_fsync(descriptor: int) -> None:
            self.calls.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
            fsync(descriptor)

        def noted_link(source: Path, target: Path) -> None:
            self.calls.append(("link", str(target)))
            link(source, target)

        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(os, "link", noted_link)


def test_a_put_syncs_the_file_before_the_link_and_every_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "blobs"
    blobs = DirectoryBlobs(root)
    recorder = Recorder(monkeypatch)
    blobs.put("r/1/p", io.BytesIO(b"x"))
    first, *rest = recorder.calls
    assert first[0] == "sync"
    assert first[1].startswith(f"{root}/.temporary/")
    assert rest == [
        ("link", f"{root}/r/1/p"),
        ("sync", f"{root}/r/1"),
        ("sync", f"{root}/r"),
        ("sync", str(root)),
    ]


def test_putting_again_syncs_what_another_put_may_not_have_synced_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DirectoryBlobs(tmp_path).put("a/b", io.BytesIO(b"x"))
    blobs = DirectoryBlobs(tmp_path)
    recorder = Recorder(monkeypatch)
    blobs.put("a/b", io.BytesIO(b"x"))
    assert recorder.calls[-3:] == [
        ("sync", f"{tmp_path}/a/b"),
        ("sync", f"{tmp_path}/a"),
        ("sync", str(tmp_path)),
    ]


def test_what_was_synced_above_a_folder_is_not_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put("r/1/a", io.BytesIO(b"x"))
    recorder = Recorder(monkeypatch)
    blobs.put("r/1/b", io.BytesIO(b"x"))
    assert recorder.calls[1:] == [("link", f"{tmp_path}/r/1/b"), ("sync", f"{tmp_path}/r/1")]


def test_a_folder_that_went_and_was_made_anew_is_synced_up_to_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put("r/1/a", io.BytesIO(b"x"))
    DirectoryBlobs(tmp_path).delete("r/1/a")  # by another process
    recorder = Recorder(monkeypatch)
    blobs.put("r/1/a", io.BytesIO(b"x"))
    assert recorder.calls[-3:] == [
        ("sync", f"{tmp_path}/r/1"),
        ("sync", f"{tmp_path}/r"),
        ("sync", str(tmp_path)),
    ]


def test_no_more_folders_are_held_open_than_so_many(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(200):
        blobs.put(f"r/{number}/a", io.BytesIO(b"x"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 64


def test_blobs_and_folders_are_their_owners_alone(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    blobs.put("a/b", io.BytesIO(b"x"))
    assert stat.S_IMODE((tmp_path / "blobs/a/b").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "blobs/a").stat().st_mode) == 0o700


def test_nothing_temporary_stays_behind(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put("a", io.BytesIO(b"x"))
    with pytest.raises(BlobExists):
        blobs.put("a", io.BytesIO(b"y"))
    assert list((tmp_path / ".temporary").iterdir()) == []


def test_only_stale_temporaries_are_swept(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    now = datetime.now(UTC)
    for name, age in (("old", 7300), ("new", 10)):
        path = tmp_path / ".temporary" / name
        path.touch()
        os.utime(path, (now.timestamp() - age, now.timestamp() - age))
    assert blobs.sweep_temporaries(now - timedelta(hours=2)) == 1
    assert [path.name for path in (tmp_path / ".temporary").iterdir()] == ["new"]


def test_a_blobs_name_cannot_be_a_folder_too(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put("a/b", io.BytesIO(b"x"))
    for key in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(BlobExists):
            blobs.put(key, io.BytesIO(b"x"))
    with pytest.raises(BlobMissing):
        blobs.size("a")


def test_folders_left_empty_go_with_their_last_blob(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put("r/1/p/1", io.BytesIO(b"x"))
    blobs.put("r/2/p/1", io.BytesIO(b"x"))
    blobs.delete("r/1/p/1")
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["2"]


def _failing_with(code: int) -> Callable[..., None]:
    def fail(*_arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EIO, "failed")]
)
@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_disk_that_fails_is_a_503_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str, call: str
) -> None:
    blobs = DirectoryBlobs(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, _failing_with(code))
        with pytest.raises(Fault, match=words) as failed:
            blobs.put("a/b", io.BytesIO(b"x"))
    assert failed.value.status == 503
    assert list((tmp_path / ".temporary").iterdir()) == []


def test_a_put_outlives_folders_pruned_under_its_feet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = DirectoryBlobs(tmp_path)
    link = os.link
    pruned: list[Path] = []

    def pruning_link(source: Path, target: Path) -> None:
        if not pruned:
            pruned.append(target)
            target.parent.rmdir()
        link(source, target)

    monkeypatch.setattr(os, "link", pruning_link)
    blobs.put("a/b", io.BytesIO(b"x"))
    assert blobs.size("a/b") == 1


def test_a_folder_that_cannot_be_used_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageRefused, match="file"):
        DirectoryBlobs(tmp_path / "file")


@pytest.mark.parametrize(
    "url", ["", "blobs", "http://x/y", "file://host/path", "file:///", "file:", "s3:///x", "s3://b?acl=x"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(StorageRefused):
        open_blobs(url)


def test_a_refused_s3_url_shows_no_credential() -> None:
    with pytest.raises(StorageRefused) as refused:
        open_blobs("s3://bucket?secret_access_key=hush&nonsense=1")
    assert "hush" not in str(refused.value)
    assert "nonsense" in str(refused.value)


def test_escaped_paths_are_understood(tmp_path: Path) -> None:
    open_blobs(f"file://{tmp_path}/my%20blobs").put("a", io.BytesIO(b"x"))
    assert (tmp_path / "my blobs" / "a").read_bytes() == b"x"
