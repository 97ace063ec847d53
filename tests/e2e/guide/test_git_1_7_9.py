"""The oldest Git that the guide allows, replayed byte by byte.

Git 1.7.9 speaks protocol version 0 without saying so, opens a connection for each phase, is told
401 in each, and sends packs in chunks after a probe of four bytes.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from raw_git import Answer, Connection, credential, pkt, unpkt
from service_process import Service

pytestmark = pytest.mark.needs("git")
PATH = "/v1/repos/oldest"
ZERO = b"0" * 40
OLD_GIT = {"User-Agent": "git/1.7.9", "Accept": "*/*", "Pragma": "no-cache"}


def refs_of(service: Service, phase: str) -> tuple[dict[bytes, bytes], set[bytes]]:
    target = f"{PATH}/info/refs?service={phase}"
    with Connection(service) as connection:
        bare = connection.ask("GET", target, OLD_GIT)
        assert bare.status == 401
        assert bare.headers["www-authenticate"].startswith("Basic ")
        answer = connection.ask("GET", target, OLD_GIT | credential(service, PATH))
    assert answer.status == 200
    assert answer.headers["content-type"] == f"application/x-{phase}-advertisement"
    lines = unpkt(answer.body)
    assert lines[0].rstrip() == f"# service={phase}".encode()
    assert lines[1] == b""
    first, _, capabilities = lines[2].partition(b"\0")
    parted = [line.rstrip().partition(b" ") for line in [first, *lines[3:]] if line]
    return {name: object_id for object_id, _, name in parted}, set(capabilities.split())


def posted(service: Service, phase: str, body: list[bytes]) -> Answer:
    """The POST of a phase: 401 first, then the probe, then the body in chunks."""
    target = f"{PATH}/{phase}"
    headers = OLD_GIT | {
        "Content-Type": f"application/x-{phase}-request",
        "Accept": f"application/x-{phase}-result",
    }
    with Connection(service) as connection:
        assert connection.ask("POST", target, headers, b"0000").status == 401
        allowed = headers | credential(service, PATH)
        assert connection.ask("POST", target, allowed, b"0000").status == 200
        connection.send_chunked(target, body, allowed)
        answer = connection.receive()
    assert answer.status == 200
    assert answer.headers["content-type"] == f"application/x-{phase}-result"
    return answer


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit that weighs 3 MB."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "noise.bin").write_bytes(noise(3_000_000))
    git(folder, "add", ".")
    identity = ("-c", "user.name=Old", "-c", "user.email=old@example.org")
    git(folder, *identity, "commit", "--quiet", "--message", "Three megabytes")
    return folder


def noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    return random.Random(179).randbytes(size)


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *words], cwd=folder, input=stdin, capture_output=True, check=True, timeout=60
    ).stdout


def test_git_1_7_9_pushes_three_megabytes_and_clones_them(service: Service, history: Path) -> None:
    service.create_repository("oldest")
    tip = git(history, "rev-parse", "HEAD").strip()
    pack = git(history, "pack-objects", "--all", "--stdout", "--revs", "--quiet", stdin=b"")

    refs, capabilities = refs_of(service, "git-receive-pack")
    assert list(refs) == [b"capabilities^{}"]
    assert {b"report-status", b"side-band-64k", b"delete-refs"} <= capabilities
    command = pkt(ZERO + b" " + tip + b" refs/heads/main\0 report-status side-band-64k") + b"0000"
    pieces = [command, *(pack[start : start + 65_000] for start in range(0, len(pack), 65_000))]
    report = posted(service, "git-receive-pack", pieces)
    said = b"".join(line[1:] for line in unpkt(report.body) if line[:1] == b"\x01")
    assert unpkt(said) == [b"unpack ok\n", b"ok refs/heads/main\n", b""]

    refs, capabilities = refs_of(service, "git-upload-pack")
    assert refs == {b"HEAD": tip, b"refs/heads/main": tip}
    assert {b"multi_ack", b"side-band-64k", b"thin-pack", b"ofs-delta"} <= capabilities
    want = pkt(b"want " + tip + b" multi_ack_detailed no-done side-band-64k thin-pack ofs-delta\n")
    answer = posted(service, "git-upload-pack", [want + b"0000" + pkt(b"done\n")])
    lines = unpkt(answer.body)
    assert lines[0] == b"NAK\n"
    received = b"".join(line[1:] for line in lines if line[:1] == b"\x01")
    fresh = history / "fresh.git"
    git(history, "init", "--quiet", "--bare", str(fresh))
    git(fresh, "index-pack", "--stdin", "--strict", stdin=received)
    assert git(fresh, "cat-file", "-s", tip.decode() + ":noise.bin").strip() == b"3000000"
