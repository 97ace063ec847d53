"""Serving a fetch: stock `git upload-pack` on the cache, or a response prepared before."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from moorage.git import commands, complaints, pkt_line
from moorage.git.environment import allocation_limit
from moorage.repos.opened import OpenRepository
from moorage.repos.prepared import PreparedResponses, Response

if TYPE_CHECKING:
    from moorage.git.children import Child
    from moorage.git.environment import Place
    from moorage.git.fetch_request import FetchRequest


class Stream(Protocol):
    """Bytes for one client. `read` blocks; b"" is the end.

    `stop` may come while another thread reads, so that it waits no longer; it does not block.
    `close` comes last.
    """

    def read(self) -> bytes: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


_PIECE_BYTES = 256 * 1024

# A pipe holds 64 KB unless told otherwise; with more, git and this process take turns less often.
_PIPE_BYTES = 1 << 20


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Fetches:
    """Answers fetches of opened repositories."""

    prepared: PreparedResponses
    free_bytes: Callable[[Path], int] = _free_bytes

    def open(self, opened: OpenRepository, request: FetchRequest, body: bytes, protocol: str) -> Stream:
        """Return the answer to a fetch, as a stream.

        `body` is the request as git wants it on its standard input, `protocol` what goes into
        GIT_PROTOCOL ("" for version 0).
        """
        with ExitStack() as stack:
            path = stack.enter_context(opened.reading())

            def start() -> _GitOutput:
                # The output may outlive this request: it holds the repository by itself.
                held = ExitStack()
                place = held.enter_context(opened.lending())
                return _GitOutput(opened, place, _Question(request, body, protocol), held)

            if (
                request.cache_key is not None
                and self.prepared.worth_keeping(path, request.cache_key, at_once=request.is_clone)
                # A response is no larger than the packs it is made of. On a disk without room for it
                # git's answer goes straight to its client.
                and self.free_bytes(path) > sum(pack.pack_bytes for pack in opened.snapshot.packs)
            ):
                stream = self.prepared.open(path, request.cache_key, start)
                return _Explained(_Held(stream, stack.pop_all()))
            return _Explained(_Direct(start()))


@dataclass(frozen=True, slots=True)
class _Question:
    """A fetch, as git is asked it."""

    request: FetchRequest
    body: bytes
    protocol: str

    @property
    def configuration(self) -> tuple[tuple[str, str], ...]:
        # For a shallow clone git would look for new deltas among whole files, at more processor time
        # than a full clone takes; a pipeline waits for it longer than for the bytes that it saves.
        return (("pack.window", "0"),) if self.request.shallow and self.request.is_clone else ()


class _GitOutput:
    """The output of one upload-pack child, which it reaps; a `prepared.Source`."""

    def __init__(self, opened: OpenRepository, place: Place, question: _Question, held: ExitStack) -> None:
        self._held = held
        self.complaint = ""  # why git failed, fit for the client
        try:
            self._child = _spawn(opened, place, question)
        except BaseException:
            held.close()
            raise
        self._widen_pipe()

    def _widen_pipe(self) -> None:
        size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
        if size is not None and self._child.stdout is not None:
            with contextlib.suppress(OSError):  # past what the system lets one user have
                fcntl.fcntl(self._child.stdout, size, _PIPE_BYTES)

    def read(self, size: int) -> bytes:
        assert self._child.stdout is not None
        return self._child.stdout.read(size)

    def finish(self) -> bool:
        succeeded = self._child.wait() == 0
        if not succeeded:
            self.complaint = complaints.reason_of(self._child.complaint())
        self.abort()
        return succeeded

    def stop(self) -> None:
        self._child.kill()

    def abort(self) -> None:
        self._child.close()
        self._held.close()


class _Direct:
    """Git's output, straight to one client."""

    def __init__(self, output: _GitOutput) -> None:
        self._output = output

    def read(self) -> bytes:
        piece = self._output.read(_PIECE_BYTES)
        if not piece and not self._output.finish():
            raise ConnectionError(self._output.complaint or "git could not finish this response")
        return piece

    def stop(self) -> None:
        self._output.stop()

    def close(self) -> None:
        self._output.abort()


class _Held:
    """A prepared response, and the hold on the repository whose folder has its file."""

    def __init__(self, stream: Response, held: ExitStack) -> None:
        self._stream = stream
        self._held = held

    def read(self) -> bytes:
        return self._stream.read()

    def stop(self) -> None:
        """Let git go on: others may read what it writes, and it ends when nobody does."""

    def close(self) -> None:
        with self._held:
            self._stream.close()


class _Explained:
    """A stream that tells the client why git failed, where that can be told.

    Of an unknown want git tells the client itself; of a filter it cannot read it only complains to us.
    In the middle of a pack nothing can be told, and the stream breaks off.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._last = b""
        self._told = False

    def read(self) -> bytes:
        if self._told:
            return b""
        try:
            self._last = piece = self._stream.read()
        except ConnectionError as failure:
            self._told = True
            if pkt_line.ends_in_error(self._last):
                return b""
            if self._last:
                raise
            return pkt_line.encode(f"ERR {failure}".encode())
        return piece

    def stop(self) -> None:
        self._stream.stop()

    def close(self) -> None:
        self._stream.close()


def _spawn(opened: OpenRepository, place: Place, question: _Question) -> Child:
    with _as_file(question.body) as stdin:
        return commands.spawn(
            "upload-pack",
            "--stateless-rpc",
            operands=["."],
            at=place,
            stdin=stdin,
            allocation_bytes=allocation_limit(largest_object_bytes=opened.snapshot.largest_object_bytes),
            configuration=question.configuration,
            protocol=question.protocol or None,
        )


@contextlib.contextmanager
def _as_file(body: bytes) -> Iterator[IO[bytes]]:
    """Give the request as a file: git may read it as late as it likes, and nobody has to feed it."""
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.seek(0)
        yield file
