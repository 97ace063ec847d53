"""The git commands moorage runs: all of them, each with what it may do. Nothing else is run.

A caller names a command of the table, options out of that command's own list, and operands that
can never be read as options. There is no shell, and no name from a client that is not a full ref
name or an object id, or a path behind `--`. See docs/mechanisms/git-children.md.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Final, cast

from moorage.git import children, environment
from moorage.git.cancellation import Cancellation
from moorage.git.children import MEGABYTE, Child, Limits
from moorage.git.conversation import converse, pieces_of
from moorage.git.environment import MIN_ALLOCATION_BYTES, Place

__all__ = ["TABLE", "Child", "Command", "Finished", "Limits", "Place", "git_version", "run", "spawn"]

_HOUR: Final = 3600.0
_BRIEF_SECONDS: Final = 60  # an orphan that can burn no more processor time need not be tied
_LARGEST_FILE: Final = 64 << 30

_QUICK = Limits(cpu_seconds=_BRIEF_SECONDS, wall_seconds=120)
_WRITING = replace(_QUICK, file_bytes=1 << 30)
_SERVING = Limits(
    cpu_seconds=600, wall_seconds=_HOUR, file_bytes=64 * MEGABYTE
)  # as long as the slowest client we bear
_PACKING = Limits(cpu_seconds=1800, wall_seconds=_HOUR, file_bytes=_LARGEST_FILE)
_ANSWERING = Limits(cpu_seconds=20, wall_seconds=60)  # while a caller of the API waits
_UPKEEP = Limits(cpu_seconds=4 * 3600, wall_seconds=4 * _HOUR, file_bytes=_LARGEST_FILE)


@dataclass(frozen=True)
class Command:
    """One git command: `words` always come first, `options` are those a caller may add (by name).

    `writes` says whether it may change the repository it works in. Commands with
    `end_of_options` get that marker before their operands; the others take no operands that
    start with a dash. `forks` says that it starts processes of its own.
    """

    words: tuple[str, ...]
    options: frozenset[str] = frozenset()
    writes: bool = False
    end_of_options: bool = False
    forks: bool = False
    limits: Limits = _QUICK
    configuration: tuple[tuple[str, str], ...] = ()


_UPLOAD_PACK_CONFIGURATION: Final = (
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.hideRefs", "refs/moorage"),
    ("uploadpackfilter.sparse:oid.allow", "false"),  # a pattern file of the client's, run on every path
    ("uploadpackfilter.tree.maxDepth", "100"),
)

TABLE: Final = {
    "version": Command(("version",)),
    "init": Command(("init", "--bare", "--quiet", "--template="), writes=True),
    "cat-file": Command(
        ("cat-file",),
        frozenset({"--batch", "--batch-check", "--batch-all-objects", "--unordered", "--buffer"}),
    ),
    "rev-list": Command(
        ("rev-list",),
        frozenset({"--objects", "--quiet", "--stdin", "--count", "--max-count", "--topo-order", "--parents"}),
        end_of_options=True,
    ),
    # A page of a file's history, and a comparison of two blobs; see mechanisms/differences-and-history.md.
    "file-history": Command(
        ("rev-list", "--parents", "--topo-order"),
        frozenset({"--max-count"}),
        end_of_options=True,
        limits=_ANSWERING,
    ),
    "diff": Command(
        ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--text"),
        frozenset({"--unified", "--ignore-all-space"}),
        limits=_ANSWERING,
    ),
    "index-pack": Command(
        ("index-pack", "--stdin", "--fix-thin"),
        frozenset({"--strict", "--max-input-size"}),
        writes=True,
        limits=_PACKING,
    ),
    "pack-objects": Command(
        ("pack-objects", "--quiet", "--delta-base-offset"),
        frozenset({"--revs", "--stdin-packs", "--local", "--non-empty", "--window", "--compression"}),
        writes=True,
        limits=_PACKING,
    ),
    "upload-pack": Command(
        ("upload-pack", "--strict"),
        frozenset({"--stateless-rpc", "--http-backend-info-refs", "--timeout"}),
        forks=True,
        limits=_SERVING,
        configuration=_UPLOAD_PACK_CONFIGURATION,
    ),
    "repack": Command(
        ("repack", "--quiet"),
        frozenset(
            {"-d", "-a", "--geometric", "--write-midx", "--write-bitmap-index", "--no-write-bitmap-index"}
        ),
        writes=True,
        forks=True,
        limits=_UPKEEP,
    ),
    "multi-pack-index": Command(
        ("multi-pack-index", "write", "--no-progress"),
        frozenset({"--bitmap", "--preferred-pack", "--stdin-packs"}),
        writes=True,
        forks=True,
        limits=_UPKEEP,
    ),
    "commit-graph": Command(
        ("commit-graph", "write", "--no-progress"),
        frozenset({"--reachable", "--changed-paths", "--split", "--stdin-packs"}),
        writes=True,
        forks=True,
        limits=_UPKEEP,
    ),
    "pack-refs": Command(("pack-refs",), frozenset({"--all", "--no-prune"}), writes=True, limits=_WRITING),
    "update-ref": Command(
        ("update-ref",), frozenset({"--stdin", "-z", "--no-deref"}), writes=True, limits=_WRITING
    ),
    "for-each-ref": Command(
        ("for-each-ref",),
        frozenset({"--format", "--count"}),
        limits=replace(_QUICK, output_bytes=256 * MEGABYTE),
    ),
    "fsck": Command(
        ("fsck", "--no-progress"),
        frozenset({"--strict", "--full", "--connectivity-only", "--no-dangling", "--no-reflogs"}),
        forks=True,
        limits=_UPKEEP,
    ),
}


@dataclass(frozen=True)
class Finished:
    """How a child ended. `stopped` names the limit that ended it, if one did."""

    returncode: int
    stdout: bytes
    stderr: str
    stopped: str | None = None

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and self.stopped is None


def spawn(
    name: str,
    *options: str,
    operands: Sequence[str] = (),
    at: Place | Path | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    limits: Limits | None = None,
    allocation_bytes: int = MIN_ALLOCATION_BYTES,
    configuration: Iterable[tuple[str, str]] = (),
    protocol: str | None = None,
) -> Child:
    """Start a command of the table and return it running, to be closed by the caller.

    `at` is a bare repository. Without `stdin` or `stdout` the child has pipes to stream through.
    Raises KeyError or ValueError for what the table does not allow: a bug, not a bad request.
    """
    command = TABLE[name]
    if stdin is not None and stdin.seekable():
        # A child reads on from the descriptor's own place, which buffering may have moved ahead.
        os.lseek(stdin.fileno(), stdin.tell(), os.SEEK_SET)
    place = Place(at) if isinstance(at, Path) else at
    limits = limits or command.limits
    if stdout is not None:
        limits = replace(limits, file_bytes=max(limits.file_bytes, limits.output_bytes))
    return children.start(
        [environment.git_program(), *_arguments(command, options, operands)],
        env=environment.build(
            place,
            allocation_bytes=allocation_bytes,
            configuration=[*command.configuration, *configuration],
            protocol=protocol,
        ),
        folder=place.repository if place is not None else Path("/"),
        limits=limits,
        tied=command.forks or limits.cpu_seconds > _BRIEF_SECONDS,
        stdin=subprocess.PIPE if stdin is None else stdin,
        stdout=subprocess.PIPE if stdout is None else stdout,
        kept=() if place is None or place.lock is None else (place.lock,),
    )


def lines(
    name: str,
    *options: str,
    operands: Sequence[str] = (),
    at: Place | Path,
    limits: Limits | None = None,
    allocation_bytes: int = MIN_ALLOCATION_BYTES,
    cancellation: Cancellation | None = None,
) -> Iterator[bytes]:
    """Run a command without input and yield its output line by line, whatever its size.

    Raises ChildFailed at the end where the command failed, Cancelled where its client left.
    """
    limits = limits or TABLE[name].limits
    cancellation = cancellation or Cancellation()
    with (
        spawn(
            name, *options, operands=operands, at=at, limits=limits, allocation_bytes=allocation_bytes
        ) as child,
        cancellation.ending(child),
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        with open(child.stdout.fileno(), "rb", closefd=False) as output:
            # One that was ended may leave off in the middle of a line.
            yield from (line for line in output if line.endswith(b"\n"))
        returncode = child.wait()
        stopped = _stopped_by(child, returncode, limits, overflowed=False)
        finished = Finished(returncode, b"", child.complaint(), stopped)
    if not finished.ok:
        raise ChildFailed(finished)


class ChildFailed(Exception):
    """A command that should not fail did; `finished` says how."""

    def __init__(self, finished: Finished) -> None:
        super().__init__(finished.stopped or finished.stderr)
        self.finished = finished


def run(
    name: str,
    *options: str,
    operands: Sequence[str] = (),
    at: Place | Path | None = None,
    stdin: bytes | IO[bytes] | Iterator[bytes] = b"",
    limits: Limits | None = None,
    allocation_bytes: int = MIN_ALLOCATION_BYTES,
    configuration: Iterable[tuple[str, str]] = (),
    protocol: str | None = None,
    cancellation: Cancellation | None = None,
) -> Finished:
    """Run a command of the table to its end and return what it said.

    An exception out of the `stdin` iterator ends the child and is raised here. Raises Cancelled
    where the client that it ran for has left.
    """
    file = cast("IO[bytes]", stdin) if hasattr(stdin, "fileno") else None
    limits = limits or TABLE[name].limits
    cancellation = cancellation or Cancellation()
    with (
        spawn(
            name,
            *options,
            operands=operands,
            at=at,
            stdin=file,
            limits=limits,
            allocation_bytes=allocation_bytes,
            configuration=configuration,
            protocol=protocol,
        ) as child,
        cancellation.ending(child),
    ):
        pieces = iter(()) if file is not None else pieces_of(stdin)
        stdout, overflowed = converse(child, pieces, limits.output_bytes)
        returncode = child.wait()
        stopped = _stopped_by(child, returncode, limits, overflowed=overflowed)
        return Finished(returncode, stdout, child.complaint(), stopped)


def _arguments(command: Command, options: Sequence[str], operands: Sequence[str]) -> list[str]:
    for option in options:
        if option.partition("=")[0] not in command.options:
            raise ValueError(f"git {command.words[0]} is not run with {option}")
    if command.end_of_options and operands:
        return [*command.words, *options, "--end-of-options", *operands]
    for operand in operands:
        if operand.startswith("-"):
            raise ValueError(f"git {command.words[0]} would take {operand} for an option")
    return [*command.words, *options, *operands]


def _stopped_by(child: Child, returncode: int, limits: Limits, *, overflowed: bool) -> str | None:
    if overflowed:
        return f"it wrote more than {limits.output_bytes} bytes"
    if child.overdue:
        return f"it took longer than {limits.wall_seconds:.0f} seconds"
    return children.limit_named_by(returncode, limits)


@cache
def git_version() -> str:
    """Return the version of the installed git, as 2.39.5."""
    words = run("version").stdout.decode(errors="replace").split()
    return words[2] if len(words) > 2 else "unknown"
