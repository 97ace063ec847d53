"""A large repository, the same each time, made by `git fast-import` in seconds."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MEGABYTE = 1 << 20
_PERSON = b"Mary Major <mary@example.org>"
_FIRST_SECOND = 1_700_000_000


@dataclass(frozen=True)
class Size:
    """How large to make it. Every fourth of the `tags` is annotated; main is the only branch."""

    commits: int
    tags: int
    large_file_bytes: int
    files: int = 2000


def generate(folder: Path, size: Size, env: Mapping[str, str], seed: int = 2024) -> None:
    """Make a bare repository."""
    git = ["git", "-C", str(folder)]
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], env=env, check=True)
    # Uncompressed: what counts here are numbers and sizes, and time is better spent elsewhere.
    options = ["-c", "core.compression=0", "-c", "core.bigFileThreshold=1m"]
    command = [*git, *options, "fast-import", "--quiet", "--force", "--max-pack-size=4g"]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as importer:
        assert importer.stdin is not None
        for piece in _stream(size, random.Random(seed)):
            importer.stdin.write(piece)
        importer.stdin.close()
        assert importer.wait() == 0
    subprocess.run([*git, "pack-refs", "--all"], env=env, check=True)


def _stream(size: Size, dice: random.Random) -> Iterator[bytes]:
    yield from _large_blob(size.large_file_bytes, dice)
    for number in range(size.commits):
        yield _commit(number, size, dice)
    for number in range(size.tags):
        if number % 4:
            yield b"reset refs/tags/build-%d\nfrom %s\n\n" % (number, _mark(size, dice))
        else:
            yield b"tag release-%d\nfrom %s\ntagger %s %d +0000\n%s" % (
                *(number, _mark(size, dice), _PERSON, _FIRST_SECOND + number),
                _data(b"Release %d\n" % number),
            )


def _mark(size: Size, dice: random.Random) -> bytes:
    return b":%d" % dice.randrange(2, size.commits + 2)


def _large_blob(length: int, dice: random.Random) -> Iterator[bytes]:
    yield b"blob\nmark :1\ndata %d\n" % length
    left = length
    while left:
        piece = dice.randbytes(min(left, _MEGABYTE))
        left -= len(piece)
        yield piece
    yield b"\n"


def _commit(number: int, size: Size, dice: random.Random) -> bytes:
    file = dice.randrange(size.files)
    text = b"".join(b"line %d %x\n" % (line, dice.getrandbits(64)) for line in range(4))
    head = b"commit refs/heads/main\nmark :%d\ncommitter %s %d +0000\n%s" % (
        *(number + 2, _PERSON, _FIRST_SECOND + number),
        _data(b"Change %d\n" % number),
    )
    large = b"M 100644 :1 media/large.bin\n" if number == size.commits // 2 else b""
    path = b"src/part%d/module%d/file%d.txt" % (file % 20, file % 100, file)
    return head + large + b"M 100644 inline %s\n%s" % (path, _data(text))


def _data(text: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(text), text)
