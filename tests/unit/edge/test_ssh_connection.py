"""SSH logins and bounds, with asyncssh's own client over loopback; what sessions run is a stand-in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import asyncssh
import pytest

from moorage.auth.ssh_login import ProvenKey
from moorage.core.faults import Fault
from moorage.edge.ssh.connection import Connections, GitServer, ProvenConnection, SshBounds, options
from moorage.edge.ssh.session import GitSession

BOUNDS = SshBounds()
NAME = "APKAEXAMPLEEXAMPLE00"


@cache
def key(number: int = 0, kind: str = "ssh-rsa") -> asyncssh.SSHKey:
    del number
    if kind == "ssh-rsa":
        return asyncssh.generate_private_key(kind, key_size=2048)
    return asyncssh.generate_private_key(kind)


@dataclass
class Server:
    """A server on a free port that knows one key, and what it was asked."""

    bounds: SshBounds = BOUNDS
    told: bool = False
    asked: list[ProvenKey] = field(default_factory=list)
    lines: list[tuple[str | None, str]] = field(default_factory=list)
    port: int = 0

    async def proven(self, asked: ProvenKey) -> None:
        self.asked.append(asked)
        if asked != ProvenKey(NAME, key().public_data):
            raise Fault("InvalidClientTokenId", "Not known.", status=401)
        if self.told:
            raise Fault("InvalidClientTokenId", "It is inactive.", status=401, told=True)

    def program(self, _server: GitServer) -> Callable[[GitSession, str | None], Coroutine[Any, Any, int]]:
        async def echo(session: GitSession, line: str | None) -> int:
            self.lines.append((line, session.git_protocol))
            async for piece in session.pieces():
                await session.write(piece)
            session.say("done")
            return 7

        return echo

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Connections]:
        connections = Connections(self.bounds)
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        made = options([host_key], lambda: GitServer(connections, self.proven, self.program), self.bounds)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: ProvenConnection(loop, made), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield connections
        finally:
            server.close()
            for connected in list(connections.open):
                connected.close()
            for _ in range(100):  # what asyncssh still has to tidy up
                await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def client(
        self, *keys: Any, name: str = NAME, **more: Any
    ) -> AsyncIterator[asyncssh.SSHClientConnection]:
        connection = await asyncssh.connect(
            "127.0.0.1",
            self.port,
            username=name,
            client_keys=list(keys) or [key()],
            known_hosts=None,
            agent_path=None,
            config=None,
            **more,
        )
        try:
            yield connection
        finally:
            connection.close()
            await connection.wait_closed()


async def gone(connections: Connections) -> None:
    """Wait until the server has seen that its clients left."""
    while connections.open:  # noqa: ASYNC110 -- the server tells nobody
        await asyncio.sleep(0)


def test_a_key_is_asked_about_once_and_after_its_signature() -> None:
    server = Server()

    async def scenario() -> None:
        async with server.running(), server.client():
            pass

    asyncio.run(scenario())
    assert server.asked == [ProvenKey(NAME, key().public_data)]


class Unsigned(asyncssh.SSHKeyPair):
    """The public part of somebody's key, without the private one."""

    _key_type = "local"

    def __init__(self, stolen: asyncssh.SSHKey) -> None:
        super().__init__(
            b"ssh-rsa",
            b"rsa-sha2-256",
            [b"rsa-sha2-256"],
            [b"rsa-sha2-256"],
            stolen.public_data,
            b"",
        )

    def sign(self, data: bytes) -> bytes:
        return key(9).sign(data, b"rsa-sha2-256")


def test_a_key_that_is_shown_and_not_proven_is_never_asked_about() -> None:
    server = Server()

    async def scenario() -> None:
        async with server.running():
            with pytest.raises(asyncssh.PermissionDenied):
                async with server.client(Unsigned(key())):
                    pass

    asyncio.run(scenario())
    assert server.asked == []


def test_an_unproven_key_before_the_right_one_is_not_what_the_login_stands_for() -> None:
    server = Server()

    async def scenario() -> set[ProvenKey | None]:
        async with server.running() as connections, server.client(key(1), Unsigned(key(2)), key()):
            return {open_.identity for open_ in connections.open}

    assert asyncio.run(scenario()) == {ProvenKey(NAME, key().public_data)}
    assert [asked.blob for asked in server.asked] == [key(1).public_data, key().public_data]


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_keys_of_other_kinds_are_not_even_worth_a_signature(kind: str) -> None:
    server = Server()

    async def scenario() -> None:
        async with server.running():
            with pytest.raises(asyncssh.PermissionDenied):
                async with server.client(key(0, kind)):
                    pass

    asyncio.run(scenario())
    assert server.asked == []


def test_only_a_holder_is_told_why() -> None:
    server = Server(told=True)
    banners: list[str] = []

    class Client(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            del lang
            banners.append(msg)

    async def scenario() -> None:
        async with server.running():
            for keys in ([key(1)], [key()]):
                with pytest.raises(asyncssh.PermissionDenied):
                    async with server.client(*keys, client_factory=Client):
                        pass

    asyncio.run(scenario())
    assert banners == ["It is inactive.\n"]


def test_passwords_and_other_ways_are_not_offered() -> None:
    server = Server()

    async def scenario() -> list[str]:
        async with server.running():
            found = await asyncssh.get_server_auth_methods("127.0.0.1", server.port, username=NAME)
            return list(found)

    assert asyncio.run(scenario()) == ["publickey"]


def test_bytes_go_both_ways_and_a_program_gives_its_status() -> None:
    server = Server()
    data = bytes(range(256)) * 20_000  # more than a window

    async def scenario() -> asyncssh.SSHCompletedProcess:
        async with server.running(), server.client() as client:
            return await client.run("a line", input=data, encoding=None)

    done = asyncio.run(scenario())
    assert (done.stdout, done.stderr, done.exit_status) == (data, b"done\n", 7)
    assert server.lines == [("a line", "")]


def test_the_only_variable_that_is_taken_is_git_protocol() -> None:
    server = Server()

    async def scenario() -> None:
        async with server.running(), server.client() as client:
            env = {"GIT_PROTOCOL": "version=2", "LD_PRELOAD": "x"}
            await client.run("one", env=env, input="x")
            await client.run("two", env={"GIT_PROTOCOL": "version=2" * 100}, input="x")
            await client.run("three", env={"GIT_PROTOCOL": "version=2\0"}, input="x")

    asyncio.run(scenario())
    assert server.lines == [("one", "version=2"), ("two", ""), ("three", "")]


def test_more_channels_than_the_bound_are_refused_and_it_goes_on() -> None:
    server = Server(replace(BOUNDS, channels=2))

    async def scenario() -> None:
        async with server.running(), server.client() as client:
            open_ = [await client.create_process("wait", encoding=None) for _ in range(2)]
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.create_process("too many")
            for process in open_:
                process.stdin.write_eof()
                await process.wait()
            await client.run("again", input="x")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "bounds",
    [replace(BOUNDS, connections=1), replace(BOUNDS, address=1)],
    ids=["of the worker", "of an address"],
)
def test_more_connections_than_the_bound_are_hung_up_on(bounds: SshBounds) -> None:
    server = Server(bounds)

    async def scenario() -> None:
        async with server.running() as connections:
            async with server.client():
                with pytest.raises((OSError, asyncssh.Error)):
                    async with server.client():
                        pass
            await gone(connections)
            async with server.client():
                assert len(connections.open) == 1

    asyncio.run(scenario())


def test_who_does_not_log_in_takes_up_a_place_only_among_its_like() -> None:
    server = Server(replace(BOUNDS, startups=1))

    async def scenario() -> None:
        async with server.running() as connections:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await reader.readline()
            with pytest.raises((OSError, asyncssh.Error)):
                async with server.client():
                    pass
            writer.close()
            await gone(connections)
            async with server.client(), server.client():
                pass

    asyncio.run(scenario())


def test_a_connection_that_does_not_log_in_in_time_is_ended() -> None:
    server = Server(replace(BOUNDS, login_seconds=0.05))

    async def scenario() -> bytes:
        async with server.running():
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            data = await reader.read()
            while more := await reader.read():
                data += more
            writer.close()
            return data

    assert asyncio.run(scenario()).startswith(b"SSH-2.0-moorage")


def test_a_connection_without_a_channel_is_ended_in_the_end() -> None:
    server = Server(replace(BOUNDS, idle_seconds=0.05))

    async def scenario() -> None:
        async with server.running(), server.client() as client:
            await client.run("once", input="x")
            await client.wait_closed()

    asyncio.run(scenario())


def test_after_too_many_keys_the_connection_is_ended() -> None:
    server = Server(replace(BOUNDS, attempts=2))

    async def scenario() -> None:
        async with server.running():
            with pytest.raises((OSError, asyncssh.Error)):
                async with server.client(*[key(number) for number in (3, 4, 5)], key()):
                    pass

    asyncio.run(scenario())
    assert len(server.asked) == 2
