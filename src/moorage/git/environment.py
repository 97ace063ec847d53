"""The environment of git's children, built from nothing.

Nothing of the server's environment reaches a child: no secrets, no user's or system's Git
configuration, no hooks, no transports. What a child needs to know comes as configuration in
environment variables, which neither other users of the machine nor a repository can add to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from moorage.core.faults import unavailable

MEGABYTE: Final = 1 << 20
BIG_FILE_BYTES: Final = 32 * MEGABYTE  # from here on blobs are streamed, never held or deltified
MIN_ALLOCATION_BYTES: Final = 64 * MEGABYTE

_CONFIGURATION: Final = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.alternateRefsCommand", ""),
    ("core.bigFileThreshold", str(BIG_FILE_BYTES)),
    # Packs are mapped: without a bound, all of a large one becomes resident. Small windows lose no time.
    ("core.packedGitWindowSize", "1m"),
    ("core.packedGitLimit", "32m"),
    ("core.deltaBaseCacheLimit", "16m"),
    ("core.fsync", "none"),  # no file a child writes is the only copy of anything
    ("core.logAllRefUpdates", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("pack.threads", "2"),
    ("pack.windowMemory", str(64 * MEGABYTE)),
    ("pack.deltaCacheSize", str(64 * MEGABYTE)),
    ("protocol.allow", "never"),
    ("receive.advertisePushOptions", "false"),
    ("receive.fsckObjects", "true"),
    ("safe.bareRepository", "explicit"),
    ("transfer.unpackLimit", "1"),
)


@dataclass(frozen=True)
class Place:
    """Where a child works: a bare repository, or a quarantine beside one.

    `borrowed` are object folders it may read from and never writes to. `lock` is the descriptor of
    a lock on what it reads, which the child then holds by itself, for as long as it lives.
    """

    repository: Path
    borrowed: tuple[Path, ...] = ()
    lock: int | None = None


def allocation_limit(*, received_bytes: int = 0, largest_object_bytes: int = 0) -> int:
    """Return the largest single allocation (bytes) a child may make.

    Honest data needs an object and its delta in memory at once, and no object that counts is much
    larger than what was sent for it or than what is stored already; a bomb is.
    """
    return max(MIN_ALLOCATION_BYTES, int(2.5 * max(received_bytes, largest_object_bytes)))


@cache
def git_program() -> str:
    """Return the absolute path of the git that is installed."""
    program = shutil.which("git")
    if program is None:
        raise unavailable("The program git is not installed on this server.")
    return program


def build(
    place: Place | None,
    *,
    allocation_bytes: int = MIN_ALLOCATION_BYTES,
    configuration: Iterable[tuple[str, str]] = (),
    protocol: str | None = None,
) -> dict[str, str]:
    """Return the whole environment of one child; `protocol` becomes GIT_PROTOCOL."""
    pairs = [*_CONFIGURATION, *configuration]
    variables = {
        "PATH": os.pathsep.join(dict.fromkeys((str(Path(git_program()).parent), "/usr/bin", "/bin"))),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOC_LIMIT": str(allocation_bytes),
    }
    if place is not None:
        pairs.append(("safe.directory", str(place.repository)))
        variables["GIT_DIR"] = str(place.repository)
        if place.borrowed:
            variables["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(map(_quoted, place.borrowed))
    if protocol is not None:
        variables["GIT_PROTOCOL"] = protocol
    return variables | _as_variables(pairs)


def _quoted(path: Path) -> str:
    """Return a path as the list of alternates wants it, where a colon separates."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _as_variables(pairs: list[tuple[str, str]]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for index, (key, value) in enumerate(pairs):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    return variables
