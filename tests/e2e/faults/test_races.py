"""Two clients at one moment, against two worker processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from person import AWS_V1, Person
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow, pytest.mark.timeout(400)]
ROUNDS = 200


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("racing"), "--workers", "2") as up:
        yield up


@pytest.fixture
def racer(tmp_path: Path, service: Service) -> Person:
    person = Person(tmp_path / "home", AWS_V1, service)
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    return person


def at_once(person: Person, *commands: tuple[tuple[str, ...], Path]) -> list[int]:
    """Start programs together; return how each ended."""
    running = [
        subprocess.Popen(
            command, cwd=folder, env=person.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command, folder in commands
    ]
    return [process.wait(120) for process in running]


def test_of_two_pushes_to_one_branch_exactly_one_wins(racer: Person, service: Service) -> None:
    url = service.create_repository("one-branch")
    work = racer.home / "work"
    racer.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
    base = racer.commit(work)
    racer.ok("git", "push", "--quiet", url, "main", cwd=work)
    for number in range(ROUNDS):
        tips = []
        for side in ("left", "right"):
            tree = racer.ok("git", "write-tree", cwd=work).strip()
            made = racer.ok(
                "git", "commit-tree", "-p", base, "-m", f"{side} {number}", tree, cwd=work
            ).strip()
            tips.append(made)
        pushes = [(("git", "push", "--quiet", url, f"{tip}:refs/heads/main"), work) for tip in tips]
        ended = at_once(racer, *pushes)
        found = racer.ok("git", "ls-remote", url, "refs/heads/main", cwd=work).split()[0]
        assert sorted(status == 0 for status in ended) == [False, True], f"round {number}: {ended}"
        assert found == tips[ended.index(0)]
        base = found
    racer.ok("git", "clone", "--quiet", url, "back")
    assert racer.ok("git", "rev-list", "--count", "HEAD", cwd=racer.home / "back") == f"{ROUNDS + 1}\n"
    assert racer.ok("git", "fsck", "--full", "--strict", cwd=racer.home / "back") == ""


def test_of_two_creates_of_a_and_a_b_exactly_one_wins(racer: Person, service: Service) -> None:
    work = racer.home / "work"
    racer.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
    racer.commit(work)
    url = service.create_repository("directory-or-file")
    racer.ok("git", "push", "--quiet", url, "main", cwd=work)
    for number in range(20):
        names = (f"main:refs/heads/{number}/a", f"main:refs/heads/{number}/a/b")
        ended = at_once(racer, *((("git", "push", "--quiet", url, name), work) for name in names))
        assert sorted(status == 0 for status in ended) == [False, True], f"round {number}: {ended}"
    racer.ok("git", "clone", "--quiet", "--mirror", url, "back")
    listed = racer.ok("git", "for-each-ref", "--format", "%(refname)", cwd=racer.home / "back")
    assert len(listed.split()) == 21
