"""What is lost or spoilt on the disk: the cache costs nothing, a blob fails loudly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from person import AWS_V1, Person
from service_process import Service, serving

pytestmark = pytest.mark.needs("git")
SECRET_TEXT = "the quick brown fox of this repository\n" * 400


def writer(folder: Path, service: Service) -> Person:
    person = Person(folder / "home", AWS_V1, service)
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    person.ok("git", "clone", "--quiet", service.create_repository("kept"), "work")
    return person


def push_one(person: Person, name: str) -> str:
    work = person.home / "work"
    commit = person.commit(work, name, SECRET_TEXT)
    person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    return commit


def test_deleting_the_cache_under_a_running_service_loses_no_push(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serving(tmp_path, "--cache", str(cache)) as service:
        person = writer(tmp_path, service)
        for number in range(5):
            commit = push_one(person, f"{number}.txt")
            shutil.rmtree(cache)
            if number % 2:  # a push is the first to find it gone, or a clone is
                person.ok("git", "clone", "--quiet", service.url("kept"), f"clone-{number}")
                clone = person.home / f"clone-{number}"
                assert person.ok("git", "rev-parse", "HEAD", cwd=clone).strip() == commit
                assert person.ok("git", "fsck", "--full", "--strict", cwd=clone) == ""


def test_no_blob_can_be_read_from_the_disk(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        push_one(writer(tmp_path, service), "fox.txt")
        blobs = [path for path in (service.data / "blobs").rglob("*") if path.is_file()]
        assert blobs
        for blob in blobs:
            content = blob.read_bytes()
            assert not content.startswith((b"PACK", b"\377tOc"))
            assert b"fox" not in content


def test_a_flipped_byte_in_a_blob_fails_loudly(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serving(tmp_path, "--cache", str(cache)) as service:
        person = writer(tmp_path, service)
        push_one(person, "fox.txt")
        assert service.stop() == 0
        pack = next(path for path in (service.data / "blobs").rglob("*.pack"))
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(content)
        shutil.rmtree(cache)
        service.restart()
        person.refused("git", "clone", service.url("kept"), "back")
        assert not (person.home / "back" / "fox.txt").exists()
        # A second look does not turn it into an empty repository.
        person.refused("git", "clone", service.url("kept"), "back")
