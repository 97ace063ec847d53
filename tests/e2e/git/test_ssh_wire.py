"""Git over SSH byte by byte: for what git's own client does not do."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from e2e_names import NewPerson
from git_attacks import ZERO, command
from moorage.git.pkt_line import DELIM, FLUSH, encode
from person import Person
from service_process import Service, free_port, serving
from ssh_user import SshUser
from unit.git.handmade import a_commit, a_pack, a_tree, id_of

pytestmark = pytest.mark.needs("git", "ssh")

PORT = free_port()
SECONDS = 60.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), f"--ssh=127.0.0.1:{PORT}=us-east-2") as up:
        yield up


@pytest.fixture
def mary(new_person: NewPerson, service: Service, request: pytest.FixtureRequest) -> SshUser:
    return SshUser.made(new_person(), service, f"mary-{abs(hash(request.node.name)) % 10**8}")


Process = asyncssh.SSHClientProcess[bytes]


def conversing(user: SshUser, line: str, talk: Callable[[Process], Awaitable[None]], **env: str) -> Process:
    """Run an exec line and talk to it; return the process with its status."""

    async def scenario() -> Process:
        async with asyncssh.connect(
            "127.0.0.1",
            PORT,
            username=user.key_id,
            client_keys=[str(user.key)],
            known_hosts=None,
            agent_path=None,
            config=None,
        ) as client:
            process = await client.create_process(line, encoding=None, env=env)
            async with asyncio.timeout(SECONDS):
                await talk(process)
                await process.wait_closed()
            return process

    return asyncio.run(scenario())


async def packets(process: Process) -> list[bytes]:
    """Read packets up to a flush."""
    found = []
    while (length := int(await process.stdout.readexactly(4), 16)) > 0:
        found.append(await process.stdout.readexactly(length - 4) if length > 4 else b"")
    return found


def a_push() -> tuple[str, bytes]:
    commit = a_commit(id_of("tree", a_tree()))
    tip = id_of("commit", commit)
    return tip, command(ZERO, tip, b"refs/heads/main", first=True) + FLUSH + a_pack(
        ("tree", a_tree()), ("commit", commit)
    )


def test_a_client_that_keeps_its_side_open_hears_how_its_push_went(mary: SshUser) -> None:
    mary.service.create_repository("open")
    tip, body = a_push()

    async def talk(process: Process) -> None:
        await packets(process)
        process.stdin.write(body)  # and no end of it
        report = b"".join(await packets(process))
        assert b"unpack ok" in report
        assert b"ok refs/heads/main" in report

    assert conversing(mary, "git-receive-pack '/v1/repos/open'", talk).exit_status == 0
    listed = mary.person.ok("git", "ls-remote", mary.url(PORT, "/v1/repos/open"))
    assert tip in listed


def test_a_refused_push_is_read_to_its_end_and_told(mary: SshUser) -> None:
    mary.service.create_repository("refused")
    mary.service.client("iam").put_user_policy(
        UserName=mary.name,
        PolicyName="no-main",
        PolicyDocument=(
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "codecommit:GitPush",'
            ' "Resource": "*", "Condition": {"StringEquals": {"codecommit:References": "refs/heads/main"}}}]}'
        ),
    )
    _, body = a_push()

    async def talk(process: Process) -> None:
        await packets(process)
        process.stdin.write(body)
        report = b"".join(await packets(process))
        assert b"ng refs/heads/main" in report
        assert b"explicit deny" in report

    assert conversing(mary, "git-receive-pack '/v1/repos/refused'", talk).exit_status == 0


def test_several_requests_of_protocol_2_go_over_one_channel(mary: SshUser, root: Person) -> None:
    url = mary.service.create_repository("several")
    root.ok("git", "clone", "--quiet", url, "several")
    tip = root.commit(root.home / "several")
    root.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=root.home / "several")
    ls_refs = encode(b"command=ls-refs\n") + DELIM + encode(b"peel\n") + FLUSH
    fetch = b"".join(
        [encode(b"command=fetch"), DELIM, encode(f"want {tip}".encode()), encode(b"done"), FLUSH]
    )

    async def talk(process: Process) -> None:
        assert (await packets(process))[0] == b"version 2\n"
        process.stdin.write(ls_refs + ls_refs + fetch + ls_refs + FLUSH)
        refs = await packets(process)
        assert f"{tip} refs/heads/main\n".encode() in refs
        assert await packets(process) == refs
        pack = b"".join(packet[1:] for packet in (await packets(process))[1:] if packet[:1] == b"\x01")
        assert pack.startswith(b"PACK")
        assert hashlib.sha1(pack[:-20], usedforsecurity=False).digest() == pack[-20:]
        assert await packets(process) == refs

    done = conversing(mary, "git-upload-pack '/v1/repos/several'", talk, GIT_PROTOCOL="version=2")
    assert done.exit_status == 0


@pytest.mark.parametrize("protocol", ["", "version=1", "version=2"])
def test_who_wants_nothing_is_done(mary: SshUser, protocol: str) -> None:
    mary.service.create_repository(f"nothing{protocol[-1:]}")

    async def talk(process: Process) -> None:
        await packets(process)
        process.stdin.write(FLUSH)  # and no end of it
        assert await process.stdout.read() == b""

    line = f"git-upload-pack '/v1/repos/nothing{protocol[-1:]}'"
    assert conversing(mary, line, talk, **({"GIT_PROTOCOL": protocol} if protocol else {})).exit_status == 0


def test_a_key_switched_off_between_two_requests_ends_the_conversation(mary: SshUser) -> None:
    mary.service.create_repository("between")
    ls_refs = encode(b"command=ls-refs\n") + FLUSH

    async def talk(process: Process) -> None:
        await packets(process)
        process.stdin.write(ls_refs)
        await packets(process)
        await asyncio.to_thread(mary.switch, "Inactive")
        process.stdin.write(ls_refs)
        assert b"is refused: it is inactive" in await process.stdout.read()

    done = conversing(mary, "git-upload-pack '/v1/repos/between'", talk, GIT_PROTOCOL="version=2")
    assert done.exit_status == 1


@pytest.mark.parametrize(
    ("protocol", "sent", "told"),
    [
        ("version=2", encode(b"command=object-info") + FLUSH, "neither the command"),
        ("version=2", b"fff9" + b"x" * 100, "A packet does not start with"),
        ("version=2", encode(b"command=fetch")[:-3], "ends before its flush packet"),
        ("", encode(b"want nothing") + FLUSH, "40-digit object id"),
        ("", encode(b"want " + b"a" * 40) + FLUSH + encode(b"done"), "not our ref"),
        ("", encode(b"have " + b"a" * 40) + FLUSH, "does not start with the object it wants"),
    ],
)
def test_what_makes_no_sense_is_told_and_ends_it(
    mary: SshUser, protocol: str, sent: bytes, told: str
) -> None:
    mary.service.create_repository(f"nonsense-{mary.name}")

    async def talk(process: Process) -> None:
        await packets(process)
        process.stdin.write(sent)
        process.stdin.write_eof()
        said = await process.stdout.read()
        assert told.encode() in said
        assert b"ERR " in said

    line = f"git-upload-pack '/v1/repos/nonsense-{mary.name}'"
    conversing(mary, line, talk, **({"GIT_PROTOCOL": protocol} if protocol else {}))
    assert "Traceback" not in mary.service.log


def test_a_push_under_way_is_finished_when_the_service_is_told_to_stop(
    tmp_path: Path, new_person: NewPerson
) -> None:
    port = free_port()
    folder = tmp_path / "other"
    folder.mkdir()
    with serving(folder, f"--ssh=127.0.0.1:{port}") as own:
        own.create_repository("stopped")
        user = SshUser.made(new_person(), own, "mary")
        _, body = a_push()
        login = ("-p", str(port), f"{user.key_id}@127.0.0.1")
        with subprocess.Popen(
            ["ssh", *user.ssh_options(), *login, "git-receive-pack '/us-east-2/v1/repos/stopped'"],
            env=user.person.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            assert client.stdout.read(4)
            client.stdin.write(body[:60])
            client.stdin.flush()
            own.process.send_signal(signal.SIGTERM)
            client.stdin.write(body[60:])
            client.stdin.close()
            assert b"ok refs/heads/main" in client.stdout.read()
        assert own.process.wait(SECONDS) == 0
