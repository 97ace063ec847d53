"""Two clients at one moment, against two worker processes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from person import AWS_V1, Person
from raw_git import Answer, Connection, credential, pkt
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


def signed_header(service: Service, url: str) -> str:
    ((name, value),) = credential(service, urlsplit(url).path).items()
    return f"http.extraHeader={name}: {value}"


def test_of_two_pushes_to_one_branch_exactly_one_wins(racer: Person, service: Service) -> None:
    url = service.create_repository("one-branch")
    work = racer.home / "work"
    racer.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
    base = racer.commit(work)
    racer.ok("git", "push", "--quiet", url, "main", cwd=work)
    tree = racer.ok("git", "write-tree", cwd=work).strip()
    branch = {"repositoryName": "one-branch", "branchName": "main"}
    for number in range(ROUNDS):
        tips = []
        for side in ("left", "right"):
            made = racer.ok(
                "git", "commit-tree", "-p", base, "-m", f"{side} {number}", tree, cwd=work
            ).strip()
            tips.append(made)
        signed = ("git", "-c", signed_header(service, url))  # no helper has to be started first
        pushes = [((*signed, "push", "--quiet", url, f"{tip}:refs/heads/main"), work) for tip in tips]
        ended = at_once(racer, *pushes)
        found = service.client("codecommit").get_branch(**branch)["branch"]["commitId"]
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


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_force_push_between_a_fetchs_requests_does_not_break_it(
    racer: Person, service: Service, version: int
) -> None:
    name = f"forced-v{version}"
    url = service.create_repository(name)
    work = racer.home / "work"
    racer.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
    for round_ in range(6):
        racer.ok("git", "checkout", "--quiet", "--orphan", f"history-{round_}", cwd=work)
        racer.commit(work, text=f"history {round_}\n")
        racer.ok("git", "push", "--quiet", "--force", url, "HEAD:refs/heads/main", cwd=work)
        advertised = advertised_main(service, name, version)
        racer.ok("git", "checkout", "--quiet", "--orphan", f"rewritten-{round_}", cwd=work)
        racer.commit(work, text=f"rewritten {round_}\n")
        racer.ok("git", "push", "--quiet", "--force", url, "HEAD:refs/heads/main", cwd=work)
        answer = fetched(service, name, version, advertised)
        assert answer.status == 200
        assert b"PACK" in answer.body, answer.body[:200]


def advertised_main(service: Service, name: str, version: int) -> str:
    """Ask where main is, on a connection of its own: either worker may answer."""
    with Connection(service) as git:
        if version == 2:
            ls_refs = [b"command=ls-refs\n", None, b"ref-prefix refs/heads/main\n"]
            answer = posted(git, service, name, version, ls_refs)
        else:
            answer = git.ask(
                "GET",
                f"/v1/repos/{name}/info/refs?service=git-upload-pack",
                {**credential(service, f"/v1/repos/{name}"), "Git-Protocol": f"version={version}"},
            )
    found = re.search(rb"([0-9a-f]{40}) refs/heads/main", answer.body)
    assert found, answer.body[:200]
    return found[1].decode()


def fetched(service: Service, name: str, version: int, wanted: str) -> Answer:
    """Fetch one object id, on another connection."""
    want = f"want {wanted}".encode()
    lines = [b"command=fetch\n", None, b"ofs-delta\n", want + b"\n", b"done\n"]
    if version < 2:
        lines = [want + b" side-band-64k ofs-delta\n", b"", b"done\n"]
    with Connection(service) as git:
        return posted(git, service, name, version, lines)


def posted(
    git: Connection, service: Service, name: str, version: int, lines: Sequence[bytes | None]
) -> Answer:
    """Post pkt-lines to upload-pack; None is a delimiter, an empty line a flush."""
    packets = [b"0001" if line is None else pkt(line) if line else b"0000" for line in lines]
    body = b"".join(packets) + (b"0000" if version == 2 else b"")
    headers = {
        **credential(service, f"/v1/repos/{name}"),
        "Content-Type": "application/x-git-upload-pack-request",
        "Git-Protocol": f"version={version}",
    }
    return git.ask("POST", f"/v1/repos/{name}/git-upload-pack", headers, body)
