"""Which files one side renamed: what it deleted and what it added, matched by content.

The rules are Git's: the same content first, then files whose name alone stayed and that are three
quarters alike, then the most alike of the rest, half alike at least. How alike two files are is the
share of the larger one's bytes that stand in lines which both have.

Source: gitdiffcore(7), and Git's documentation of the ort strategy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

import pygit2

from moorage.core.names import ObjectId
from moorage.git.text_merge import is_binary, lines_of
from moorage.git.trees import Item

# Of the larger file's bytes, those in lines that both files have, in percent.
_ALIKE_PERCENT: Final = 50
_ALIKE_WITH_THE_SAME_NAME_PERCENT: Final = 75

_EMPTY_BLOB: Final = ObjectId("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
_LONGEST_CHUNK_BYTES: Final = 64


class RenameLimits(NamedTuple):
    """Beyond these, only renames that left a file's content as it was are found."""

    pairs: int  # deleted files times added ones
    bytes: int  # of all of them
    comparisons: int  # of lines


class _File(NamedTuple):
    size: int
    chunks: Counter[bytes]  # bytes by chunk


def find_renames(
    repository: pygit2.Repository,
    deleted: Mapping[bytes, Item],
    added: Mapping[bytes, Item],
    relevant: AbstractSet[bytes],
    limits: RenameLimits,
) -> dict[bytes, bytes]:
    """Return the new path by the old one.

    Only `relevant` old paths are looked for by likeness: those that the other side did not leave as
    they were.
    """
    old = {path: item for path, item in deleted.items() if item.object_id != _EMPTY_BLOB}
    new = {path: item for path, item in added.items() if item.object_id != _EMPTY_BLOB}
    renames: dict[bytes, bytes] = {}
    for before, after in _unchanged(old, new):
        renames[before] = after
        del old[before], new[after]
    old = {path: item for path, item in old.items() if item.is_file}
    new = {path: item for path, item in new.items() if item.is_file}
    same_name = [pair for pair in _same_name(old, new) if pair[0] in relevant]
    old = {path: item for path, item in old.items() if path in relevant}
    if old and new and _within(repository, old, new, limits):
        renames |= _alike(repository, old, new, same_name, limits.comparisons)
    return renames


def _unchanged(old: Mapping[bytes, Item], new: Mapping[bytes, Item]) -> list[tuple[bytes, bytes]]:
    """Match files whose content stayed, those whose name alone stayed first."""
    by_content: dict[tuple[int, ObjectId], list[bytes]] = defaultdict(list)
    for path in sorted(old):
        by_content[_content(old[path])].append(path)
    found: list[tuple[bytes, bytes]] = []
    for path in sorted(new):
        sources = by_content[_content(new[path])]
        if sources:
            before = next((each for each in sources if _name(each) == _name(path)), sources[0])
            sources.remove(before)
            found.append((before, path))
    return found


def _content(item: Item) -> tuple[int, ObjectId]:
    return item.kind, item.object_id


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _within(
    repository: pygit2.Repository, old: Mapping[bytes, Item], new: Mapping[bytes, Item], limits: RenameLimits
) -> bool:
    if len(old) * len(new) > limits.pairs:
        return False
    sizes = (repository.odb.read_header(item.object_id)[1] for item in (*old.values(), *new.values()))
    return sum(sizes) <= limits.bytes


def _alike(
    repository: pygit2.Repository,
    old: dict[bytes, Item],
    new: dict[bytes, Item],
    same_name: Iterable[tuple[bytes, bytes]],
    limit: int,
) -> dict[bytes, bytes]:
    files = {item.object_id: _file(repository, item.object_id) for item in (*old.values(), *new.values())}
    lengths = [[len(files[item.object_id].chunks) for item in side.values()] for side in (old, new)]
    if sum(min(one, other) for one in lengths[0] for other in lengths[1]) > limit:
        return {}
    found: dict[bytes, bytes] = {}
    for before, after in same_name:
        score = _score(files[old[before].object_id], files[new[after].object_id])
        if score >= _ALIKE_WITH_THE_SAME_NAME_PERCENT:
            found[before] = after
            del old[before], new[after]
    scores = [
        (_score(files[old[before].object_id], files[new[after].object_id]), before, after)
        for after in sorted(new)
        for before in sorted(old)
    ]
    scores.sort(key=lambda each: (-each[0], _name(each[1]) != _name(each[2])))
    taken: set[bytes] = set()
    for score, before, after in scores:
        if score < _ALIKE_PERCENT:
            break
        if before not in found and after not in taken:
            found[before] = after
            taken.add(after)
    return found


def _same_name(old: Iterable[bytes], new: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Pair files whose name is on one path only on either side."""
    olds, news = _once(old), _once(new)
    return [(olds[name], news[name]) for name in olds.keys() & news.keys()]


def _once(paths: Iterable[bytes]) -> dict[bytes, bytes]:
    by_name: dict[bytes, list[bytes]] = defaultdict(list)
    for path in paths:
        by_name[_name(path)].append(path)
    return {name: paths[0] for name, paths in by_name.items() if len(paths) == 1}


def _file(repository: pygit2.Repository, object_id: ObjectId) -> _File:
    _, content = repository.odb.read(object_id)
    if not is_binary(content):
        content = content.replace(b"\r\n", b"\n")
    chunks: Counter[bytes] = Counter()
    for line in lines_of(content):
        for at in range(0, len(line), _LONGEST_CHUNK_BYTES):
            chunk = line[at : at + _LONGEST_CHUNK_BYTES]
            chunks[chunk] += len(chunk)
    return _File(repository.odb.read_header(object_id)[1], chunks)


def _score(old: _File, new: _File) -> float:
    """Return how alike two files are, in percent."""
    larger, smaller = max(old.size, new.size), min(old.size, new.size)
    if larger == 0 or smaller * 100 < larger * _ALIKE_PERCENT:
        return 0
    few, many = sorted((old.chunks, new.chunks), key=len)
    kept = sum(min(size, many[chunk]) for chunk, size in few.items() if chunk in many)
    return kept * 100 / larger
