"""Prepared responses: what git answered to a fetch, kept for whoever asks the same.

A pipeline of a hundred jobs asks a hundred times for the same clone. The first to ask starts git;
its output goes to a file, and everybody, the first one too, reads from that file as it grows. A
push makes no entry wrong: the bytes stay a right answer to that question. The right to ask is
checked before, on every request.

    CACHE/repositories/ID/responses/KEY      a whole response
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

import structlog

from moorage.repos import locks

log = structlog.get_logger(__name__)

_PIECE_BYTES = 256 * 1024

# Of a response that is whole: each piece costs a change of threads, which costs more than copying it.
_WHOLE_PIECE_BYTES = 1 << 20

# How many questions asked once are remembered: the second time, the answer is kept.
_REMEMBERED = 10_000


class Source(Protocol):
    """Where a response comes from: git's output, read in order, then closed."""

    def read(self, size: int, /) -> bytes: ...
    def finish(self) -> bool:
        """Wait for the end; return whether git succeeded."""
        ...

    def abort(self) -> None: ...


class _Growing:
    """A response being written: readers wait for bytes that are not there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.ended = False
        self.whole = False
        self.readers = 1  # who asked first: counted before the writing begins
        self.changed = threading.Condition()


class PreparedResponses:
    """The prepared responses of this process, over files that all processes of the node share."""

    def __init__(self) -> None:
        self._growing: dict[Path, _Growing] = {}
        self._asked: OrderedDict[Path, None] = OrderedDict()
        self._lock = threading.Lock()

    def worth_keeping(self, repository: Path, key: str, *, at_once: bool) -> bool:
        """Tell whether to keep the answer: clones at once, anything else when asked again."""
        path = _path(repository, key)
        with self._lock:
            known = path in self._asked
            self._asked[path] = None
            self._asked.move_to_end(path)
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return at_once or known or path.exists()

    def open(self, repository: Path, key: str, start: Callable[[], Source]) -> Response:
        """Return the response to read; `start` is called when nobody has asked before."""
        path = _path(repository, key)
        with self._lock:
            with contextlib.suppress(FileNotFoundError):
                file = path.open("rb")
                os.utime(path)
                return Response(file, None)
            growing = self._growing.get(path)
            if growing is None:
                growing = self._begin(path, start)
            else:
                with growing.changed:
                    growing.readers += 1
            return Response(growing.path.open("rb"), growing)

    def _begin(self, path: Path, start: Callable[[], Source]) -> _Growing:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made before it is published: a reader opens it at once.
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        file = partial.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)  # for as long as somebody writes it
        try:
            source = start()
        except BaseException:
            file.close()
            partial.unlink(missing_ok=True)
            raise
        growing = _Growing(partial)
        self._growing[path] = growing
        threading.Thread(
            target=self._pump, args=(path, growing, source, file), name="prepare-response", daemon=True
        ).start()
        return growing

    def _pump(self, path: Path, growing: _Growing, source: Source, file: BinaryIO) -> None:
        whole = False
        try:
            with file:
                whole = _copy(source, file, growing) and source.finish()
        except OSError as error:
            log.warning("a response could not be written down", cause=str(error))
        finally:
            if not whole:
                source.abort()
            with self._lock:
                self._growing.pop(path, None)
                # The folder may have been deleted meanwhile: those who read the file have it still.
                with contextlib.suppress(OSError):
                    if whole:
                        growing.path.replace(path)
                    else:
                        growing.path.unlink()
            with growing.changed:
                growing.ended, growing.whole = True, whole
                growing.changed.notify_all()


class Response:
    """One reader's view of a response. `read` blocks until there is something; b"" is the end."""

    def __init__(self, file: BinaryIO, growing: _Growing | None) -> None:
        self._file = file
        self._growing = growing

    def read(self) -> bytes:
        """Return the next piece, at most 1 MiB.

        Raises:
            ConnectionError: git failed, so the response will never be whole.
        """
        if self._growing is None:
            return self._file.read(_WHOLE_PIECE_BYTES)
        with self._growing.changed:
            while not self._growing.ended and self._growing.written <= self._file.tell():
                self._growing.changed.wait()
            ended, whole = self._growing.ended, self._growing.whole
        piece = self._file.read(_PIECE_BYTES)
        if not piece and ended and not whole:
            raise ConnectionError("git could not finish this response")
        return piece

    def close(self) -> None:
        """Stop reading; the last reader to leave an unfinished response ends its making."""
        self._file.close()
        if self._growing is not None:
            with self._growing.changed:
                self._growing.readers -= 1


def drop_oldest_responses(repositories: Iterable[Path], limit_bytes: int) -> None:
    """Remove whole responses, the least recently asked for first, until they fit; dead processes' parts too.

    Whoever reads one goes on reading: the file has no name any more, and still its bytes.
    """
    found: list[tuple[float, int, Path]] = []
    for repository in repositories:
        for path in (repository / "responses").glob("[!.]*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if path.suffix != ".part":
                    found.append((status.st_mtime, status.st_size, path))
                else:
                    _drop_if_abandoned(path)
    excess = sum(size for _, size, _ in found) - limit_bytes
    for _, size, path in sorted(found):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size


def _drop_if_abandoned(part: Path) -> None:
    with locks.held_if_free(part) as abandoned:
        if abandoned:
            part.unlink(missing_ok=True)


def _copy(source: Source, file: BinaryIO, growing: _Growing) -> bool:
    """Copy until the end; return False when every reader has left."""
    while piece := source.read(_PIECE_BYTES):
        file.write(piece)
        file.flush()
        with growing.changed:
            growing.written += len(piece)
            growing.changed.notify_all()
            if growing.readers <= 0:
                return False
    return True


def _path(repository: Path, key: str) -> Path:
    return repository / "responses" / key
