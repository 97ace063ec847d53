"""Clients that ask for a clone and read nothing: they cost little, hinder nobody, and leave nothing."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import pytest

import process_tree
import raw_git
from e2e_names import POWER_USER
from person import Person
from process_tree import MEGABYTE
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow, pytest.mark.timeout(400)]

CLONES = 64
A_PERSON = 8  # clones at once: below the bound of 10
REPOSITORIES = 4  # so that none serves more than its bound of 20
FILE_BYTES = 15 * MEGABYTE
BYTES_A_CLONE = 12 * MEGABYTE
BACK_SECONDS = 60.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("stalled"), "--workers", "2") as up:
        yield up


@dataclass(frozen=True)
class Clone:
    """A clone that was asked for; `status` is all that was read of its answer, and its refusal."""

    socket: ssl.SSLSocket
    status: int
    refusal: str
    retry_after: str


@dataclass(frozen=True)
class Wish:
    """Who asks for a clone of what, and from where."""

    person: Service
    repository: str
    address: str


def ask(wish: Wish, tip: str) -> Clone:
    """Ask for a clone from one of this machine's loopback addresses; read no more than the head."""
    service, path = wish.person, f"/v1/repos/{wish.repository}"
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(raw_git.ANSWER_SECONDS)
    plain.bind((wish.address, 0))
    plain.connect(("127.0.0.1", service.port))
    context = ssl.create_default_context(cafile=str(service.ca))
    host = service.host("us-east-2")
    connection = context.wrap_socket(plain, server_hostname=host)
    body = raw_git.pkt(b"command=fetch\n") + b"0001" + raw_git.pkt(f"want {tip}\n".encode())
    body += raw_git.pkt(b"done\n") + b"0000"
    headers = {
        "Host": f"{host}:{service.port}",
        "Git-Protocol": "version=2",
        "Content-Length": str(len(body)),
        **raw_git.credential(service, path),
    }
    lines = [
        f"POST {path}/git-upload-pack HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line)
    status = int(head.split()[1])
    refusal = "" if status == 200 else connection.recv(4096).decode()
    return Clone(connection, status, refusal, fields.get("retry-after", ""))


@contextmanager
def stalled(wishes: Sequence[Wish], tip: str, rounds: int = 1) -> Iterator[tuple[list[Clone], list[Clone]]]:
    """Ask for clones at once and leave them unread; yield those admitted and the refusals.

    Who is refused asks again, on a connection that may come to another worker, for some rounds.
    """
    admitted: list[Clone] = []
    refused: list[Clone] = []
    try:
        for _ in range(rounds):
            with ThreadPoolExecutor(len(wishes)) as pool:
                answers = list(pool.map(lambda wish: ask(wish, tip), wishes))
            admitted += [clone for clone in answers if clone.status == 200]
            refused += [clone for clone in answers if clone.status != 200]
            wishes = [wish for wish, clone in zip(wishes, answers, strict=True) if clone.status != 200]
            if not wishes:
                break
        yield admitted, refused
    finally:
        for clone in [*admitted, *refused]:
            clone.socket.close()


@pytest.fixture(scope="module")
def readers(service: Service) -> list[Service]:
    """The service as each of several users comes to it."""
    number = CLONES // A_PERSON
    keys = [service.create_user(f"reader{each}", POWER_USER) for each in range(number)]
    return [dataclasses.replace(service, key_id=key_id, secret=secret) for key_id, secret in keys]


@pytest.fixture
def tip(root: Person, service: Service, request: pytest.FixtureRequest) -> str:
    """Push a large file to the test's repositories, and clone each once; return the commit's id."""
    work = root.home / "work"
    root.git_global("core.compression", "0")  # of random bytes nothing would come but time
    root.ok("git", "init", "--quiet", "--initial-branch", "main", str(work))
    (work / "large.bin").write_bytes(Random(0).randbytes(FILE_BYTES))
    root.ok("git", "add", "large.bin", cwd=work)
    tip = root.commit(work)
    for name in repositories(request.node.name):
        url = service.create_repository(name)
        root.ok("git", "push", "--quiet", url, "main", cwd=work)
        root.ok("git", "clone", "--quiet", "--bare", url, name)
    return tip


def repositories(test: str) -> list[str]:
    return [f"{test[-40:]}-{each}" for each in range(REPOSITORIES)]


def test_stalled_clones_cost_little_hinder_nobody_and_leave_nothing(
    root: Person, service: Service, readers: list[Service], tip: str, request: pytest.FixtureRequest
) -> None:
    names, pid = repositories(request.node.name), service.process.pid
    wishes = [
        Wish(readers[each // A_PERSON], names[each % REPOSITORIES], f"127.0.0.{2 + each // 16}")
        for each in range(CLONES)
    ]

    def another_request() -> None:  # threads that idle end when the next one is looked for
        service.client("codecommit").get_repository(repositoryName=names[0])

    base, before = process_tree.held(pid), process_tree.memory(pid)
    with stalled(wishes, tip, rounds=3) as (admitted, refused):
        now = process_tree.memory(pid)
        print(f"{len(admitted)} stalled clones: {before} -> {now}; {process_tree.held(pid)}")
        assert len(admitted) >= CLONES * 3 // 4  # each worker has places of its own
        assert all(clone.status == 503 and clone.retry_after for clone in refused)
        assert now.whole - before.whole < len(admitted) * BYTES_A_CLONE
        described = service.client("codecommit").get_repository(repositoryName=names[0])
        assert described["repositoryMetadata"]["repositoryName"] == names[0]
        for name in names:
            assert root.ok("git", "ls-remote", service.url(name), "main").split()[0] == tip

    left = process_tree.await_at_most(pid, base, BACK_SECONDS, another_request)
    print(f"left: {left}, before: {base}; {process_tree.memory(pid)}")
    assert left.processes <= base.processes
    assert left.threads <= base.threads
    assert left.descriptors <= base.descriptors


def test_past_its_bound_an_identity_is_refused_and_told_why(
    readers: list[Service], tip: str, request: pytest.FixtureRequest
) -> None:
    names = repositories(request.node.name)
    wishes = [Wish(readers[0], names[each % REPOSITORIES], f"127.0.0.{2 + each}") for each in range(24)]
    with stalled(wishes, tip) as (admitted, refused):
        assert 10 <= len(admitted) <= 20  # ten for each of two workers
    for clone in refused:
        assert (clone.status, clone.retry_after) == (429, "5")
        assert "more than 10 git requests of this identity at once" in clone.refusal


def test_past_its_bound_a_repository_refuses_and_tells_why(
    readers: list[Service], tip: str, request: pytest.FixtureRequest
) -> None:
    name = repositories(request.node.name)[0]
    wishes = [Wish(readers[each % 8], name, f"127.0.0.{2 + each % 8}") for each in range(56)]
    with stalled(wishes, tip) as (admitted, refused):
        assert 20 <= len(admitted) <= 40
    assert {(clone.status, clone.retry_after) for clone in refused} == {(503, "5")}
    assert any("This repository serves 20 git requests already" in clone.refusal for clone in refused)
