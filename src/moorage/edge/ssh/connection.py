"""SSH connections: algorithms, logins by proven keys alone, and bounds before and after a login."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncssh
import structlog
from asyncssh.kex import get_kex_algs

from moorage.auth.ssh_login import ProvenKey
from moorage.core.faults import Fault
from moorage.edge.ssh.session import WINDOW_BYTES, GitChannel, GitSession

if TYPE_CHECKING:
    from moorage.edge.ssh.session import Program

log = structlog.get_logger(__name__)

# No SHA-1, no CBC, no compression of what a stranger sends. Strict key exchange, against the Terrapin
# attack, is asyncssh's own. The first two, against quantum computers, need a library that may not be there.
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
SIGNATURES = ("rsa-sha2-256", "rsa-sha2-512")

# How long a channel may be open without being told what to run.
START_SECONDS = 60.0

_KEY_TYPE = b"ssh-rsa"
_MAX_KEY_BYTES = 2200  # 16,384 bits and their frame: checking a larger one would take long
_PACKET_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class SshBounds:
    """What connections of one worker may take."""

    startups: int = 100  # not logged in yet
    connections: int = 1000
    address: int = 50  # connections from one address
    login_seconds: float = 30.0
    attempts: int = 20  # keys offered with a signature
    channels: int = 10  # of one connection at once, as OpenSSH has it
    idle_seconds: float = 600.0  # logged in, with no channel open


@dataclass(slots=True)
class Connections:
    """The connections of a worker, counted."""

    bounds: SshBounds = field(default_factory=SshBounds)
    open: set[GitServer] = field(default_factory=set)
    by_address: Counter[str] = field(default_factory=Counter)

    def have_room(self, address: str) -> bool:
        starting = sum(server.identity is None for server in self.open)
        return (
            len(self.open) < self.bounds.connections
            and starting < self.bounds.startups
            and self.by_address[address] < self.bounds.address
        )

    async def finished(self) -> None:
        """Wait until all sessions have run to their end, and their clients have what was sent."""
        for server in list(self.open):
            for session in list(server.sessions):
                if session.task is not None:
                    await session.departure()

    async def close(self) -> None:
        """Hang up on all, and wait until that was sent."""
        closing = list(self.open)
        for server in closing:
            server.close()
        for server in closing:
            await server.closed()


# Raises a Fault with status 401 where that key may not sign in.
Proven = Callable[[ProvenKey], Awaitable[None]]


class ProvenConnection(asyncssh.SSHServerConnection):
    """Asks whose a key is only once its signature was checked (CVE-2024-45337).

    asyncssh asks its server object about a key before it looks at the signature, and also where there is
    none. So that one takes every key that could be right, and the question is asked here.
    """

    proven: Callable[[str, bytes], Awaitable[bool]] | None = None

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        may_be_right = key_data[4 : 4 + len(_KEY_TYPE)] == _KEY_TYPE and len(key_data) <= _MAX_KEY_BYTES
        if not may_be_right or not await super().validate_public_key(username, key_data, msg, signature):
            return False
        if not msg:  # the client asks whether it is worth a signature
            return True
        return self.proven is not None and await self.proven(username, key_data)

    def create_git_channel(self, loop: asyncio.AbstractEventLoop) -> GitChannel:
        """Make a channel for a session: bytes, no terminal."""
        return GitChannel(
            self,
            loop,
            allow_pty=False,
            line_editor=False,
            line_echo=False,
            line_history=0,
            max_line_length=0,
            encoding=None,
            errors="strict",
            window=WINDOW_BYTES,
            max_pktsize=_PACKET_BYTES,
        )


class GitServer(asyncssh.SSHServer):
    """One connection: its login, and the sessions on it."""

    def __init__(
        self, connections: Connections, proven: Proven, program: Callable[[GitServer], Program]
    ) -> None:
        self._connections = connections
        self._proven = proven
        self._program = program
        self._connection: ProvenConnection | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._attempts = 0
        self.identity: ProvenKey | None = None
        self.address = ""
        self.sessions: set[GitSession] = set()

    # --- the connection ------------------------------------------------------------------------

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        assert isinstance(conn, ProvenConnection)
        self._connection = conn
        self.address = (conn.get_extra_info("peername") or ("",))[0]
        if not self._connections.have_room(self.address):
            log.warning("an ssh connection was turned away", client=self.address)
            conn.abort()
            return
        conn.proven = self._login
        self._connections.open.add(self)
        self._connections.by_address[self.address] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._idle is not None:
            self._idle.cancel()
        if self in self._connections.open:
            self._connections.open.discard(self)
            self._connections.by_address[self.address] -= 1
            self._connections.by_address += Counter()  # forgets those at zero

    @property
    def client_version(self) -> str:
        """What the client calls itself, as SSH-2.0-OpenSSH_9.2."""
        assert self._connection is not None
        return str(self._connection.get_extra_info("client_version", ""))

    def close(self) -> None:
        """End the connection, whatever goes on on it."""
        if self._connection is not None:
            self._connection.close()

    async def closed(self) -> None:
        """Wait until the connection has ended."""
        if self._connection is not None:
            await self._connection.wait_closed()

    # --- the login -----------------------------------------------------------------------------

    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Take every key; `ProvenConnection` judges those that come with a signature."""
        del username, key
        return True

    def auth_completed(self) -> None:
        self._watch_idleness()

    async def _login(self, username: str, key_data: bytes) -> bool:
        assert self._connection is not None
        self._attempts += 1
        if self._attempts > self._connections.bounds.attempts:
            self._connection.abort()
            return False
        key = ProvenKey(username, key_data)
        try:
            await self._proven(key)
        except Fault as fault:
            log.info("an ssh login was refused", client=self.address, reason=fault.message)
            if "told" in fault.detail:
                self._connection.send_auth_banner(f"{fault.message}\n")
            return False
        self.identity = key
        return True

    # --- sessions ------------------------------------------------------------------------------

    def session_requested(self) -> Any:
        """Return a session and its channel, or False past the bound."""
        if self.identity is None or len(self.sessions) >= self._connections.bounds.channels:
            return False
        assert self._connection is not None
        session = _Counted(self)
        return self._connection.create_git_channel(asyncio.get_running_loop()), session

    def program(self) -> Program:
        return self._program(self)

    def entered(self, session: GitSession) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self.sessions.add(session)

    def left(self, session: GitSession) -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self._watch_idleness()

    def _watch_idleness(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._connections.bounds.idle_seconds, self.close)


class _Counted(GitSession):
    """A session that its connection knows of for as long as its channel is there."""

    def __init__(self, server: GitServer) -> None:
        super().__init__(server.program())
        self._server = server

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        super().connection_made(chan)
        self._server.entered(self)
        asyncio.get_running_loop().call_later(START_SECONDS, self._close_unless_started)

    def _close_unless_started(self) -> None:
        if self.task is None and self in self._server.sessions:
            self.channel.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.left(self)


def options(
    host_keys: Sequence[asyncssh.SSHKey], server: Callable[[], GitServer], bounds: SshBounds
) -> asyncssh.SSHServerConnectionOptions:
    """Return what connections are made with."""
    return asyncssh.SSHServerConnectionOptions(
        server_factory=server,
        server_host_keys=list(host_keys),
        server_version="moorage",
        kex_algs=[name for name in KEY_EXCHANGES if name.encode() in get_kex_algs()],
        encryption_algs=list(CIPHERS),
        mac_algs=list(MACS),
        compression_algs=["none"],
        signature_algs=list(SIGNATURES),
        public_key_auth=True,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        allow_pty=False,
        line_editor=False,
        x11_forwarding=False,
        agent_forwarding=False,
        allow_scp=False,
        encoding=None,
        login_timeout=bounds.login_seconds,
        keepalive_interval=60,
        keepalive_count_max=3,
        window=WINDOW_BYTES,
        max_pktsize=_PACKET_BYTES,
    )
