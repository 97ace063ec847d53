"""Two nodes on one PostgreSQL and one S3 store: what one acknowledges, the other serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from person import AWS_V1, Person
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow, pytest.mark.timeout(180)]


def test_what_is_pushed_to_one_node_is_cloned_from_the_other(
    postgres_url: str, s3_url: str, tmp_path: Path
) -> None:
    shared = ("--database", postgres_url, "--blobs", s3_url)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "one", *shared) as one:
        give_root_key(one, tmp_path / "two" / "data")
        with serving(tmp_path / "two", *shared) as two:
            pusher, reader = (person_of(node, tmp_path / f"home-{node.port}") for node in (one, two))
            url = one.create_repository("shared")
            work = pusher.home / "work"
            pusher.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
            for number in range(5):
                tip = pusher.commit(work, f"{number}.txt")
                pusher.ok("git", "push", "--quiet", url, "main", cwd=work)
                there = reader.ok("git", "ls-remote", two.url("shared"), "refs/heads/main")
                assert there.split()[0] == tip
            reader.ok("git", "clone", "--quiet", two.url("shared"), "back")
            assert reader.ok("git", "rev-parse", "HEAD", cwd=reader.home / "back").strip() == tip
            assert reader.ok("git", "fsck", "--full", "--strict", cwd=reader.home / "back") == ""


def give_root_key(node: Service, data: Path) -> None:
    """Let another data folder start under a node's root key."""
    data.mkdir(mode=0o700)
    key = data / "root.key"
    key.touch(mode=0o600)
    key.write_bytes((node.data / "root.key").read_bytes())


def person_of(node: Service, home: Path) -> Person:
    person = Person(home, AWS_V1, node)
    person.use_a_quick_helper((node.key_id, node.secret))
    person.name_in_commits()
    return person
