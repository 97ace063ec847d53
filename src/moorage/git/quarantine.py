"""Where a push is received and judged, outside every repository that others read.

What is refused leaves nothing: the folder goes, whatever happened. What is accepted leaves as one
self-contained pack and its index, for `publish` to make durable.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final, Self, cast

from moorage.core.faults import VALIDATION_ERROR, Fault, unavailable
from moorage.core.names import ObjectId
from moorage.git import commands, complaints, fsck_tolerance, small_packs
from moorage.git.cancellation import Cancellation
from moorage.git.commands import TABLE, Finished, Limits, Place
from moorage.git.environment import MEGABYTE, MIN_ALLOCATION_BYTES, allocation_limit
from moorage.git.packs import EMPTY_PACK, Received, declared_objects, describe
from moorage.git.quarantine_folders import make_bare, quarantine_folder, sweep_stale

__all__ = ["Quarantine", "ReceiveLimits", "Received", "sweep_stale"]

_HELD_BYTES: Final = MEGABYTE
_BRIEF_SECONDS: Final = 60
_LONG_WALK: Final = replace(TABLE["rev-list"].limits, cpu_seconds=900, wall_seconds=1800)


@dataclass(frozen=True)
class ReceiveLimits:
    """How much one push may bring. Sizes in bytes; object sizes are after inflation.

    Defaults: CodeCommit's quotas for a Git blob (2 GB) and a commit's metadata (20 MB).
    """

    pack_bytes: int = 4 << 30
    object_bytes: int = 2 << 30
    metadata_bytes: int = 20 * MEGABYTE  # a commit or an annotated tag


class Quarantine:
    """A context manager: a bare repository of its own that borrows the cache's objects.

    `folder` holds the quarantines (same file system as the cache, so that packs move by a link);
    `objects` is the object folder of the repository pushed to, read and never written.
    `lock` is the lock on it that children who read it hold too. `largest_live_bytes` is the size of that
    repository's largest object. Once `cancellation` is
    called on, no child runs and every method that needs one raises Cancelled.
    """

    def __init__(
        self,
        folder: Path,
        objects: Path,
        *,
        lock: int | None = None,
        largest_live_bytes: int = 0,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.cancellation = cancellation or Cancellation()
        self._lock = lock
        self._parent = folder
        self._objects = objects
        self._largest_live_bytes = largest_live_bytes
        self._allocation_bytes = allocation_limit(largest_object_bytes=largest_live_bytes)
        self._seconds = _BRIEF_SECONDS
        self._known: dict[ObjectId, tuple[str, ObjectId]] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(quarantine_folder(self._parent))
        self._repository = self._folder / "repository"
        make_bare(self._repository)
        self._alone = Place(self._repository)
        self._place = Place(self._repository, (self._objects,), self._lock)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def receive(
        self,
        pack_chunks: Iterable[bytes],
        limits: ReceiveLimits | None = None,
        *,
        heavy: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Received | None:
        """Take in a pack and check every object of it; None where it holds no object.

        The pack is written down first (held, while it is small) and indexed when it is whole: a
        slow client holds a file and no process, and what a child may allocate follows from what
        was really sent. `heavy()` is entered while a push that needs more than the smallest
        allocation limit is indexed, so that a caller can let these run alone.

        Raises Fault with a message fit for `unpack <message>`.
        """
        limits = limits or ReceiveLimits()
        with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES, dir=str(self._folder)) as incoming:
            size = _write_down(incoming, pack_chunks, limits.pack_bytes)
            incoming.seek(0)
            head = incoming.read(len(EMPTY_PACK) + 1)
            if head in (b"", EMPTY_PACK):
                return None
            self._allocation_bytes = allocation_limit(
                received_bytes=size, largest_object_bytes=self._largest_live_bytes
            )
            with heavy() if self._allocation_bytes > MIN_ALLOCATION_BYTES else nullcontext():
                incoming.seek(0)
                self._index(incoming, size, min(declared_objects(head), size // 8))
                largest = self._survey(limits)
        received = describe(self._repository / "objects" / "pack", largest)
        if received.pack_bytes < size:  # git itself looks only where its input is a file
            raise Fault(VALIDATION_ERROR, "the pack has junk at its end")
        return received

    def _index(self, incoming: tempfile.SpooledTemporaryFile[bytes], size: int, objects: int) -> None:
        base = TABLE["index-pack"].limits
        seconds = self._seconds = _BRIEF_SECONDS + size // MEGABYTE  # git needs a tenth of that
        finished = self._run(
            "index-pack",
            fsck_tolerance.strict_option(),
            stdin=incoming.read() if size <= _HELD_BYTES else cast("IO[bytes]", incoming),
            limits=replace(
                base,
                cpu_seconds=seconds,
                wall_seconds=4.0 * seconds,
                memory_bytes=self._address_space(objects),
            ),
        )
        if not finished.ok:
            raise complaints.fault_of(finished, "index the pack")

    def _address_space(self, objects: int) -> int:
        """Return a bound (bytes) that honest packs stay well below.

        A gigabyte for code, thread stacks, allocator arenas and delta caches; a few of the largest
        objects; the maps of the borrowed indexes; 200 bytes for each object there can be.
        """
        borrowed = self._objects / "pack"
        indexes = [*borrowed.glob("*.idx"), *borrowed.glob("multi-pack-index*")] if borrowed.is_dir() else []
        mapped = sum(index.stat().st_size for index in indexes)
        return (1 << 30) + 4 * self._allocation_bytes + mapped + 200 * objects

    def _survey(self, limits: ReceiveLimits) -> int:
        """Return the size of the largest object received; raise Fault for one that is too large.

        A small pack is read here, which saves a child, and that of `types_of` for its commits.
        """
        pack = next((self._repository / "objects" / "pack").glob("*.pack"))
        found = small_packs.contents(pack, pack.with_suffix(".idx"))
        if found is None or found.largest_bytes > min(limits.metadata_bytes, limits.object_bytes):
            return self._largest(self._alone, limits)
        self._known |= {name: ("commit", name) for name in found.commits}
        return found.largest_bytes

    def _largest(self, place: Place, limits: ReceiveLimits) -> int:
        """Return the size of the largest object of a place; raise Fault for one that is too large."""
        largest = 0
        try:
            for line in commands.lines(
                "cat-file",
                "--batch-all-objects",
                "--unordered",
                "--batch-check=%(objectsize) %(objecttype) %(objectname)",
                at=place,
                limits=replace(TABLE["cat-file"].limits, cpu_seconds=self._seconds),
                allocation_bytes=self._allocation_bytes,
                cancellation=self.cancellation,
            ):
                largest = max(largest, _require_size(line, limits))
        except commands.ChildFailed as failure:
            raise complaints.fault_of(failure.finished, "read the objects of the pack") from failure
        return largest

    def require_connected(
        self,
        new_tips: Iterable[ObjectId],
        known_tips: Iterable[ObjectId],
        all_tips: Callable[[], Iterable[ObjectId]] = tuple,
    ) -> None:
        """Raise Fault unless everything the new tips reach is here or in the borrowed objects.

        The walk stops at `known_tips`: the old values of the refs touched and the default
        branch's. Only where that does not do is it repeated with `all_tips()`, whose number may
        be large. All known tips must be live: what they reach is taken for granted.
        """
        tips = list(dict.fromkeys(new_tips))
        if not tips or self._walk(tips, known_tips).ok:
            return
        everything = list(all_tips())
        finished = self._walk(tips, everything, _LONG_WALK) if everything else None
        if finished is None or not finished.ok:
            told = finished.stderr if finished else ""
            raise Fault(VALIDATION_ERROR, "missing necessary objects", git_stderr=told)

    def _walk(
        self, tips: Iterable[ObjectId], known: Iterable[ObjectId], limits: Limits | None = None
    ) -> Finished:
        revisions = _revisions(tips, known)
        return self._run("rev-list", "--objects", "--quiet", "--stdin", stdin=revisions, limits=limits)

    def pack_of(self, tips: Iterable[ObjectId], excluding: Iterable[ObjectId]) -> Received | None:
        """Pack anew only what `tips` reach and the repository lacks; None where that is nothing.

        For a push of which some refs were refused: whatever is stored can be fetched by id, so
        what only the refused refs reach must not be.
        """
        kept = self._folder / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        make_bare(kept)
        packs = kept / "objects" / "pack"
        finished = self._run(
            "pack-objects",
            "--revs",
            "--local",
            "--non-empty",
            operands=(str(packs / "pack"),),
            stdin=_revisions(tips, excluding),
        )
        if not finished.ok:
            raise complaints.fault_of(finished, "repack the accepted part of the push")
        if not any(packs.iterdir()):
            return None
        return describe(packs, self._largest(Place(kept), ReceiveLimits()))

    def types_of(self, ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
        """Return the type (commit, tree, blob, tag) of each id that exists here or in the cache."""
        return {name: kind for name, (kind, _) in self._inspected(ids).items()}

    def peel(self, ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId]:
        """Return what each id comes to when annotated tags are followed to their end.

        A branch may move only to ids that peel to themselves and whose type is commit.
        """
        return {name: peeled for name, (_, peeled) in self._inspected(ids).items()}

    def _inspected(self, ids: Iterable[ObjectId]) -> dict[ObjectId, tuple[str, ObjectId]]:
        """Return type and peeled id of the ids that exist; each is asked for once.

        An id that is missing is asked for again: the pack may come in between.
        """
        asked = list(dict.fromkeys(ids))
        unknown = [name for name in asked if name not in self._known]
        if unknown:
            finished = self._run(
                "cat-file",
                "--batch-check=%(objectname) %(objecttype)",
                stdin="".join(f"{name}\n{name}^{{}}\n" for name in unknown).encode(),
            )
            if not finished.ok:
                raise complaints.fault_of(finished, "read the objects of the push")
            answers = [line.split() for line in finished.stdout.decode().splitlines()]
            for name, itself, peeled in zip(unknown, answers[::2], answers[1::2], strict=True):
                if "missing" not in (itself[-1], peeled[-1]):
                    self._known[name] = (itself[1], ObjectId(peeled[0]))
        return {name: self._known[name] for name in asked if name in self._known}

    def _run(
        self,
        name: str,
        *options: str,
        stdin: bytes | IO[bytes] | Iterator[bytes] = b"",
        operands: tuple[str, ...] = (),
        configuration: Iterable[tuple[str, str]] = (),
        limits: Limits | None = None,
    ) -> Finished:
        self.cancellation.check()
        return commands.run(
            name,
            *options,
            operands=operands,
            at=self._place,
            stdin=stdin,
            configuration=configuration,
            limits=limits,
            allocation_bytes=self._allocation_bytes,
            cancellation=self.cancellation,
        )


def _require_size(line: bytes, limits: ReceiveLimits) -> int:
    """Read one answer of `cat-file`, raising Fault where the object is larger than it may be."""
    size_text, kind, name = line.split()
    size = int(size_text)
    allowed = limits.metadata_bytes if kind in (b"commit", b"tag") else limits.object_bytes
    if size > allowed:
        what = f"{kind.decode()} {name.decode()}"
        raise Fault(VALIDATION_ERROR, f"{what} has {size} bytes where {allowed} are allowed")
    return size


def _write_down(file: tempfile.SpooledTemporaryFile[bytes], chunks: Iterable[bytes], limit: int) -> int:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise Fault(VALIDATION_ERROR, f"the push brings more than {limit} bytes")
        try:
            file.write(chunk)
        except OSError as error:
            raise unavailable("the server has no room for this push; try again later") from error
    return size


def _revisions(tips: Iterable[ObjectId], known: Iterable[ObjectId]) -> Iterator[bytes]:
    """Yield revisions for `--stdin` or `--revs`, some kilobytes at a time."""
    lines: list[str] = []
    for prefix, ids in (("", tips), ("^", known)):
        for name in ids:
            lines.append(f"{prefix}{name}\n")
            if len(lines) == 1000:
                yield "".join(lines).encode()
                lines.clear()
    yield "".join(lines).encode()
