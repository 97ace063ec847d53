"""Start a service and keep it running: what `moorage serve` does once its settings are right."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import uvloop

from moorage.core.clock import Clock, ShiftedClock, SystemClock
from moorage.core.secrets import Secret
from moorage.server import (
    aws_names,
    compose,
    connection_lines,
    first_start,
    idle_memory,
    listeners,
    local_ca,
    ssh_host_keys,
)
from moorage.server.background import Job
from moorage.server.compose import Place
from moorage.server.data_folder import DataFolder, FolderLock
from moorage.server.first_start import Installation, StartRefused
from moorage.server.listeners import AlsoServed, Listener, SshListener, TlsContext
from moorage.server.workers import Seat, Supervisor
from moorage.services.codecommit.clone_urls import SshPlace
from moorage.storage.database import Database
from moorage.storage.open_blobs import open_blobs
from moorage.wire.regions import Regions

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from moorage.server.compose import Node
    from moorage.server.settings import Settings
    from moorage.server.ssh_host_keys import HostKey

log = structlog.get_logger(__name__)

# Each connection, child and blob is a descriptor; the usual soft limit of 1024 is soon reached.
DESCRIPTORS = 65_536
RENEW_SECONDS = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Ssh:
    """The SSH listeners, and the host keys that they show."""

    listeners: Sequence[SshListener]
    host_keys: Sequence[HostKey]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A service that is ready to be served: locked, made, bound."""

    settings: Settings
    clock: Clock
    lock: FolderLock
    installation: Installation
    regions: Regions
    place: Place
    listeners: Sequence[Listener]
    ca: Path | None
    renew: Callable[[], None]
    ssh: Ssh | None = None

    def close_sockets(self) -> None:
        """Stop accepting in this process."""
        for listener in self.listeners:
            listener.socket.close()
        for ssh_listener in self.ssh.listeners if self.ssh else ():
            ssh_listener.socket.close()


def prepare(settings: Settings, environ: Mapping[str, str]) -> Prepared:
    """Make what is missing, take the lock and the addresses.

    Raises:
        DataFolderError, StartRefused, LocalCaError, ListenError, StorageRefused: it cannot be served; the
            text is for the operator.
    """
    clock: Clock = ShiftedClock() if settings.test_mode else SystemClock()
    regions = _regions(settings)
    folder = DataFolder(settings.data)
    folder.make()
    lock = FolderLock.take(folder)
    with contextlib.ExitStack() as undo:
        undo.callback(lock.release)

        def renew() -> None:
            # Certificates live by the machine's time, whatever a test's clock says.
            now = SystemClock().now()
            if settings.tls_cert is None:
                local_ca.ensure(settings.data, settings.domain, regions.enabled, now)
            if settings.aws_names:
                aws_names.ensure(settings.data, regions, now)

        renew()
        bound = _listeners(settings, regions)
        for listener in bound:
            undo.callback(listener.socket.close)
        ssh_bound = _ssh_listeners(settings, regions, undo)
        open_blobs(settings.blobs_url).require_usable()
        database = Database.open(settings.database_url)
        try:
            installation = first_start.prepare(settings, database, environ, clock)
            ssh = Ssh(ssh_bound, ssh_host_keys.ensure(database, installation.root_key)) if ssh_bound else None
        finally:
            database.close()
        ssh_places = tuple(SshPlace(listener.port, listener.region) for listener in ssh_bound)
        found = connection_lines.endpoints(settings, bound[0].port, ssh_places)
        place = Place(found, Secret(first_start.ensure_metrics_token(settings)))
        undo.pop_all()
    ca = folder.ca if settings.tls_cert is None else None
    return Prepared(settings, clock, lock, installation, regions, place, bound, ca, renew, ssh)


# After so long Python lets another thread on. Answers are sent by one thread and made by several: with the
# usual 5 ms each piece that is sent, and each log line, waits for so long where a core is busy.
_SWITCH_SECONDS = 0.001


def run(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    on_ready: Callable[[Prepared], None],
    before: Callable[[Prepared], None] = lambda _prepared: None,
) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises as `prepare`.

    `before` is called once everything is made and nothing is served yet.
    """
    os.umask(0o077)
    _raise_descriptor_limit()
    sys.setswitchinterval(_SWITCH_SECONDS)
    prepared = prepare(settings, environ)
    before(prepared)
    if settings.workers == 1:
        return _run_alone(prepared, lambda: on_ready(prepared))
    supervisor = Supervisor(
        settings.workers,
        lambda seat: _run_worker(prepared, seat),
        on_ready=lambda: on_ready(prepared),
        on_stop=prepared.close_sockets,
        on_death=_forget_metrics_of,
    )
    # The collector marks what it looks at, and so would copy every page that workers share with their parent.
    gc.collect()
    gc.freeze()
    return supervisor.run()


async def serve(prepared: Prepared, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """Serve in this event loop until `stop` is set and what was under way is done."""
    node = compose.build(
        prepared.settings, prepared.installation, prepared.regions, prepared.place, prepared.clock
    )
    try:
        async with _ssh_served(prepared.ssh, node, stop):
            await listeners.serve(
                node.app,
                prepared.listeners,
                stop=stop,
                on_ready=on_ready,
                trusted_proxies=prepared.settings.trusted_proxy,
                jobs=[
                    *node.jobs,
                    *idle_memory.jobs(),
                    Job("renew certificate", RENEW_SECONDS, prepared.renew),
                ],
            )
    finally:
        node.close()


def _ssh_served(ssh: Ssh | None, node: Node, stop: asyncio.Event) -> AbstractAsyncContextManager[None]:
    if ssh is None or node.ssh is None:
        return contextlib.nullcontext()
    # Where there is no --ssh, its library need not be in memory.
    from moorage.server import ssh_listeners  # noqa: PLC0415

    return ssh_listeners.serving(node.ssh, ssh.listeners, ssh.host_keys, stop)


def _run_alone(prepared: Prepared, on_ready: Callable[[], None]) -> int:
    async def main() -> None:
        await serve(prepared, _stop_on_signals(), on_ready)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
        _end_now(0)
    return 0


def _run_worker(prepared: Prepared, seat: Seat) -> int:
    structlog.contextvars.bind_contextvars(worker=seat.number)

    async def main() -> None:
        stop = _stop_on_signals()
        loop = asyncio.get_running_loop()

        def orphaned() -> None:
            loop.remove_reader(seat.parent)
            stop.set()

        loop.add_reader(seat.parent, orphaned)
        await serve(prepared, stop, seat.say_ready)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
        _end_now(0)
    return 0


def _stop_on_signals() -> asyncio.Event:
    """Return an event that the first SIGTERM or SIGINT sets; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            _end_now(1)
        log.info("stopping: requests under way are finished first")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop


def _end_now(status: int) -> None:
    """End without waiting for threads: a repack may go on for minutes, and dying in it is harmless."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _regions(settings: Settings) -> Regions:
    regions = Regions(settings.extra_region, settings.domain)
    if settings.region not in regions:
        raise StartRefused(
            f"--region: '{settings.region}' is not a region this service knows. "
            f"Choose one of its regions, or add it with --extra-region {settings.region}."
        )
    return regions


def _listeners(settings: Settings, regions: Regions) -> list[Listener]:
    also = None
    if settings.aws_names:
        files = aws_names.files(settings.data)
        also = AlsoServed(frozenset(aws_names.names(regions)), TlsContext(files.certificate, files.key))
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = TlsContext(settings.tls_cert, settings.tls_key, also)
    else:
        tls = TlsContext(settings.data / "tls/server.pem", settings.data / "tls/server-key.pem", also)
    bound = [Listener("https", listeners.bind("--https", settings.https), tls)]
    if settings.http is not None:
        try:
            bound.append(Listener("http", listeners.bind("--http", settings.http)))
        except listeners.ListenError:
            bound[0].socket.close()
            raise
    return bound


def _ssh_listeners(
    settings: Settings, regions: Regions, undo: contextlib.ExitStack
) -> tuple[SshListener, ...]:
    bound = []
    for wanted in settings.ssh:
        if wanted.region is not None and wanted.region not in regions:
            raise StartRefused(
                f"--ssh: '{wanted.region}' in {wanted} is not a region this service knows. "
                f"Choose one of its regions, or add it with --extra-region {wanted.region}."
            )
        listener = SshListener(listeners.bind("--ssh", wanted.address), wanted.region)
        undo.callback(listener.socket.close)
        bound.append(listener)
    return tuple(bound)


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _forget_metrics_of(pid: int) -> None:
    from prometheus_client import multiprocess  # noqa: PLC0415 -- only where there are several workers

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library leaves it untyped
