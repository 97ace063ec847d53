"""What every attack must leave as it was, and what no answer to one may tell."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attacker import Answer
from service_process import Service

QUIET_SECONDS = 10.0
# Deliberate ones; every other status from 500 on is a bug.
KIND_SERVER_ERRORS = {501, 503}
# What is noted of every request, refused or not; and messages of earlier changes, on their way by themselves.
NOTED = {"audit", "deliveries", "leases", "push_grace"}


@dataclass(frozen=True)
class Kept:
    """What the service keeps: a digest of each table, and the names of its blobs."""

    tables: tuple[tuple[str, str], ...]
    blobs: frozenset[str]


def kept(service: Service, *, repacked: bool = False) -> Kept:
    """Read what is stored, beside the service and not through it.

    With `repacked` it is read without what a repack changes: packs, their blobs, generations.
    """
    folder = service.data / "blobs"
    files = () if repacked else (path for path in folder.rglob("*") if path.is_file())
    blobs = frozenset(str(path.relative_to(folder)) for path in files)
    with sqlite3.connect(f"file:{service.data / 'moorage.db'}?mode=ro", uri=True) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        ignored = NOTED | {"packs"} if repacked else NOTED
        tables = tuple(
            (name, _digest(connection, name, repacked=repacked))
            for name in sorted(names)
            if name not in ignored
        )
    connection.close()
    return Kept(tables, blobs)


def _digest(connection: sqlite3.Connection, table: str, *, repacked: bool) -> str:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    # When a key was used last, and that an event has left: both are noted a little later, by themselves.
    moving = ("last_used", "sent", "generation") if repacked else ("last_used", "sent")
    chosen = ", ".join(f'"{name}"' for name in columns if not name.startswith(moving))
    rows = sorted(map(repr, connection.execute(f'SELECT {chosen} FROM "{table}"')))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def left_over(service: Service) -> list[str]:
    """Return what is still under way or was left behind: quarantines, temporary files, child processes."""
    quarantine = service.data / "cache" / "quarantine"
    folders = [str(path) for path in quarantine.glob("push-*")] if quarantine.is_dir() else []
    temporary = [str(path) for path in (service.data / "blobs" / ".temporary").glob("*")]
    return folders + temporary + list(_children(service.process.pid))


def _children(pid: int) -> Iterator[str]:
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            yield f"process {child}"


def wait_until_quiet(service: Service) -> None:
    deadline = time.monotonic() + QUIET_SECONDS
    while remains := left_over(service):
        assert time.monotonic() < deadline, f"left behind: {remains}"
        time.sleep(0.02)  # a child's end is told to nobody outside the service


def log_size(service: Service) -> int:
    return (service.data.parent / "serve.log").stat().st_size


def log_since(service: Service, size: int) -> str:
    """Return the log's lines after its first `size` bytes."""
    with (service.data.parent / "serve.log").open("rb") as file:
        file.seek(size)
        return file.read().decode(errors="replace")


def assert_discreet(answers: Iterable[Answer], log: str, service: Service, secrets: Iterable[str]) -> None:
    """No server error, no traceback, no path of the server and no secret, in any answer and in the log."""
    for answer in answers:
        assert answer.status < 500 or answer.status in KIND_SERVER_ERRORS, (answer, log[-3000:])
    told = "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers) + log
    for word in ("Traceback", 'File "', str(service.data), *secrets):
        assert word not in told, f"{word} in {_around(told, word)}"


def _around(text: str, word: str) -> str:
    place = text.index(word)
    return text[max(0, place - 1500) : place + 1500]
