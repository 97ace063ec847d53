"""Sockets, TLS and uvicorn: one HTTPS listener and perhaps a plain one, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import structlog
import uvicorn

from moorage.edge.guard import Limits, guarded
from moorage.server import background
from moorage.server.settings import Address

log = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS = 60
DRAIN_SECONDS = 30
CONNECTION_LIMIT = 4000  # a worker's; past it the answer is 503
BACKLOG = 1024


class ListenError(Exception):
    """An address cannot be listened on; the text is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket and, for HTTPS, its TLS context."""

    scheme: Literal["http", "https"]
    socket: socket.socket
    tls: TlsContext | None = None

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


@dataclass(frozen=True, slots=True)
class SshListener:
    """A bound socket, and the region it serves: None for all, told apart by path or by name."""

    socket: socket.socket
    region: str | None

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


class TlsContext:
    """A TLS context that takes a renewed certificate without a restart.

    With `also`, clients that ask (SNI) for one of its names are shown that one's certificate.
    """

    def __init__(self, certificate: Path, key: Path, also: AlsoServed | None = None) -> None:
        self._files = (certificate, key)
        self._seen: tuple[int, ...] = ()
        self.loaded = 0  # how many times a pair was taken up
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        # HTTP/2 makes Git uploads slow and breaks answers given before a body (design.md section 1).
        self.context.set_alpn_protocols(["http/1.1"])
        self._also = also
        if also is not None:
            # It is Python's documented way to choose a certificate by name; uvloop's TLS calls it as well.
            self.context.sni_callback = _chooser(also)
        self.reload()

    def reload(self) -> None:
        """Load the files again if they changed, the other certificate's too.

        A pair that does not fit leaves the old one in use.


        Raises:
            ListenError: the first load failed.
        """
        if self._also is not None:
            self._also.tls.reload()
        try:
            seen = tuple(os.stat(path).st_mtime_ns for path in self._files)  # noqa: PTH116 -- one call each
            if seen == self._seen:
                return
            # Tried on a context of its own first: half a pair would stop new connections.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            if not self._seen:
                raise ListenError(
                    f"--tls-cert, --tls-key: {self._files[0]} and {self._files[1]} are not a certificate and "
                    f"its key ({error.strerror or error}). Give a PEM chain and its key without a password."
                ) from None
            log.warning("the renewed certificate cannot be used yet", certificate=str(self._files[0]))
            return
        self._seen = seen
        self.loaded += 1


@dataclass(frozen=True, slots=True)
class AlsoServed:
    """A further certificate, and the host names (lower-case) for which it is shown."""

    names: frozenset[str]
    tls: TlsContext


def _chooser(also: AlsoServed) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(handshake: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is not None and name.lower().removesuffix(".") in also.names:
            handshake.context = also.tls.context

    return choose


def bind(setting: str, address: Address) -> socket.socket:
    """Return a listening socket.

    Raises:
        ListenError: the address is taken, not of this machine, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        reason = error.strerror or str(error)
        raise ListenError(
            f"{setting}: cannot listen on {address}: {reason}. Choose another address, or stop what uses it."
        ) from None
    made.setblocking(False)
    return made


class _Server(uvicorn.Server):
    """uvicorn's server without signal handlers, and with a deadline for TLS handshakes."""

    def __init__(self, config: uvicorn.Config, listener: Listener, limits: Limits) -> None:
        super().__init__(config)
        self._listener = listener
        self._limits = limits
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        protocol = guarded(self._limits)
        tls = self._listener.tls
        server = await loop.create_server(
            lambda: protocol(self.config, self.server_state, self.lifespan.state, loop),
            sock=self._listener.socket,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=self._limits.head_seconds if tls else None,
            backlog=BACKLOG,
        )
        self.servers = [server]
        self.started = True
        self.ready.set()


def _server(app: Any, listener: Listener, trusted_proxies: Sequence[str], limits: Limits) -> _Server:
    config = uvicorn.Config(
        app,
        http=guarded(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        limit_concurrency=CONNECTION_LIMIT,
    )
    return _Server(config, listener, limits)


async def serve(
    app: Any,
    listeners: Sequence[Listener],
    *,
    stop: asyncio.Event,
    on_ready: Callable[[], None] = lambda: None,
    trusted_proxies: Sequence[str] = (),
    jobs: Sequence[background.Job] = (),
    limits: Limits | None = None,
) -> None:
    """Serve until `stop` is set, then let requests under way finish, for at most `DRAIN_SECONDS`."""
    servers = [_server(app, listener, trusted_proxies, limits or Limits()) for listener in listeners]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    jobs_stop = asyncio.Event()
    reloads = [
        background.Job("certificate", 60.0, listener.tls.reload) for listener in listeners if listener.tls
    ]
    working = asyncio.create_task(background.run([*jobs, *reloads], jobs_stop))
    try:
        for server, task in zip(servers, serving, strict=True):
            await asyncio.wait(
                [asyncio.ensure_future(server.ready.wait()), task], return_when=asyncio.FIRST_COMPLETED
            )
        on_ready()
        await stop.wait()
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        jobs_stop.set()
        await working
