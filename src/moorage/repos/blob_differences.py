"""Two blobs compared line by line, as `git diff` does it, in hunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from moorage.git import commands
from moorage.git.text_merge import is_binary
from moorage.git.unified_diff import Change, Hunk, hunks, hunks_of_new

if TYPE_CHECKING:
    import pygit2

    from moorage.core.names import ObjectId
    from moorage.git.environment import Place

__all__ = ["Change", "Compared", "Hunk", "Options", "Taken", "compare", "page", "size"]

# Lines of all hunks of a page together. Every line is an object in the answer: without a bound, one
# request could ask for gigabytes. Also the most lines of one hunk: source, the model.
LINES_A_PAGE: Final = 25_000


class Options(NamedTuple):
    """How to compare: so many equal lines around changes; lines that differ in blanks alone are equal."""

    context_lines: int
    ignore_whitespace: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing came to. `hunks` must be taken while the repository is still lent."""

    is_binary: bool
    hunks: Iterator[Hunk]


class Taken(NamedTuple):
    """Hunks of a page, and, where there are more, one beyond it; `limit` of them are the page's."""

    hunks: list[Hunk]
    limit: int


def size(repository: pygit2.Repository, blob: ObjectId) -> int:
    """Return a blob's size in bytes, without reading it."""
    return int(repository.odb.read_header(blob)[1])


def compare(
    place: Place, repository: pygit2.Repository, before: ObjectId | None, after: ObjectId, options: Options
) -> Compared:
    """Compare two blobs, which must be there and fit into memory; without `before` all lines are new."""
    content = _read(repository, after)
    if is_binary(content) or (before is not None and is_binary(_read(repository, before))):
        return Compared(is_binary=True, hunks=iter(()))
    if before is None:
        return Compared(is_binary=False, hunks=hunks_of_new(content, LINES_A_PAGE))
    if before == after:
        return Compared(is_binary=False, hunks=iter(()))
    flags = [f"--unified={options.context_lines}"]
    if options.ignore_whitespace:
        flags.append("--ignore-all-space")
    lines = commands.lines("diff", *flags, operands=(before, after), at=place)
    return Compared(is_binary=False, hunks=hunks(lines, LINES_A_PAGE))


def page(found: Iterable[Hunk], limit: int) -> Taken:
    """Take up to `limit` hunks, fewer where they are long, and one more if there is one."""
    taken: list[Hunk] = []
    lines = 0
    for hunk in found:
        lines += len(hunk.changes)
        if taken and (len(taken) == limit or lines > LINES_A_PAGE):
            return Taken([*taken, hunk], len(taken))
        taken.append(hunk)
    return Taken(taken, len(taken))


def _read(repository: pygit2.Repository, blob: ObjectId) -> bytes:
    return bytes(repository.odb.read(blob)[1])
