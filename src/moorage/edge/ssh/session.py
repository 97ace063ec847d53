"""One session channel as a stream of bytes with back-pressure both ways."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncssh
import structlog

from moorage.edge.bodies import Disconnected

log = structlog.get_logger(__name__)

# What a client may send ahead of its reader; past it asyncssh opens its window no further.
WINDOW_BYTES = 1 << 20

# How long a client may say nothing where it is its turn: `git push` counts and packs before it sends.
SILENCE_SECONDS = 900.0

MAX_VALUE_BYTES = 256

# What a session runs: the session, and the exec line (None: a shell). It returns the exit status.
Program = Callable[["GitSession", str | None], Coroutine[Any, Any, int]]


class GitChannel(asyncssh.SSHServerChannel[bytes]):
    """A channel that takes one environment variable, GIT_PROTOCOL, and refuses all others."""

    git_protocol = ""

    def _process_env_request(self, packet: Any) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        text = value.decode("ascii", "replace")
        # It goes into the environment of git: no NUL, nothing that is no text.
        if name != b"GIT_PROTOCOL" or len(value) > MAX_VALUE_BYTES or not text.isprintable():
            return False
        self.git_protocol = text
        return True


class GitSession(asyncssh.SSHServerSession[bytes]):
    """Runs one program on a channel. Terminals, subsystems and signals are refused or ignored."""

    def __init__(self, program: Program, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._program = program
        self._silence_seconds = silence_seconds
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._line: str | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._ended = False
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.pushing = False  # the client has begun to: it expects a report, no packet of a refusal

    # --- asyncssh's side -----------------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, *_: object) -> bool:
        return False

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._line = command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        del subsystem
        return False

    def session_started(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is not None:  # a client has no second stream to send on
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= WINDOW_BYTES and not self._paused:
            self._paused = True
            self.channel.pause_reading()
        self._arrived.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._arrived.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended = True
        self._gone.set()
        self._arrived.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- the program's side --------------------------------------------------------------------

    @property
    def channel(self) -> asyncssh.SSHServerChannel[bytes]:
        assert self._channel is not None
        return self._channel

    @property
    def git_protocol(self) -> str:
        """The value of GIT_PROTOCOL as the client set it, "" where it did not."""
        return self._channel.git_protocol if isinstance(self._channel, GitChannel) else ""

    async def read(self) -> bytes:
        """Return all that has come in and was not read; b"" at the end.

        Raises:
            Disconnected: the client went away, or said nothing for too long.
        """
        while not self._pieces and not self._ended:
            self._arrived.clear()
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                raise Disconnected from None
        if self._gone.is_set():
            raise Disconnected
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            self.channel.resume_reading()
        return data

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what comes in until the client ends its side."""
        while data := await self.read():
            yield data

    async def write(self, data: bytes) -> None:
        """Send, and wait while the client takes too little.

        Raises:
            Disconnected: the client went away.
        """
        if self._gone.is_set():
            raise Disconnected
        if data:
            self.channel.write(data)
        await self._writable.wait()
        if self._gone.is_set():
            raise Disconnected

    def say(self, text: str) -> None:
        """Send a text to the person: ssh prints it on standard error."""
        if not self._gone.is_set():
            self.channel.write_stderr(f"{text}\n".encode(errors="replace"))

    def say_to_git(self, packet: bytes) -> None:
        """Send the last packet of a conversation."""
        if not self._gone.is_set():
            self.channel.write(packet)

    async def departure(self) -> None:
        """Return once the client has gone."""
        await self._gone.wait()

    async def _run(self) -> None:
        status = 1
        try:
            status = await self._program(self, self._line)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception:
            log.exception("an ssh session failed")
        finally:
            if not self._gone.is_set():
                self.channel.exit(status)
