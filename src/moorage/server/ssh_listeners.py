"""The SSH listeners of a worker, on sockets that its parent bound."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import asyncssh

from moorage.edge.ssh import connection
from moorage.edge.ssh.connection import Connections, GitServer, ProvenConnection
from moorage.server.listeners import BACKLOG, DRAIN_SECONDS

if TYPE_CHECKING:
    from moorage.edge.ssh.door import SshDoor
    from moorage.server.listeners import SshListener
    from moorage.server.ssh_host_keys import HostKey

# How long clients may take to be hung up on.
CLOSE_SECONDS = 2.0


@contextlib.asynccontextmanager
async def serving(
    door: SshDoor, listeners: Sequence[SshListener], host_keys: Sequence[HostKey], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Accept for the block. Once `stop` is set, sessions under way may finish, for at most DRAIN_SECONDS."""
    # It would log each login and command in a form of its own; the door's lines have what matters.
    logging.getLogger("asyncssh").setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    connections = Connections()
    keys = [asyncssh.import_private_key(key.private) for key in host_keys]
    servers = []
    for listener in listeners:
        options = connection.options(keys, _factory(door, connections, listener.region), connections.bounds)

        def connected(options: asyncssh.SSHServerConnectionOptions = options) -> ProvenConnection:
            return ProvenConnection(loop, options)

        servers.append(await loop.create_server(connected, sock=listener.socket, backlog=BACKLOG))
    stopping = asyncio.create_task(_stopped(stop, servers, connections))
    try:
        yield
        await stopping
    finally:
        stopping.cancel()
        for server in servers:
            server.close()


def _factory(door: SshDoor, connections: Connections, region: str | None) -> Callable[[], GitServer]:
    def made() -> GitServer:
        return GitServer(connections, door.proven, lambda server: door.program(server, region))

    return made


async def _stopped(
    stop: asyncio.Event, servers: Sequence[asyncio.AbstractServer], connections: Connections
) -> None:
    await stop.wait()
    for server in servers:
        server.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await connections.finished()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connections.close()
