"""Generated repositories: the same bytes on every machine, for a seed and a size.

Text of a small vocabulary with some random words, edited a few lines at a time, as source code is.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_SEED = 20_261_124
_START = 1_700_000_000  # the first commit's time, Unix seconds
MAIN = "refs/heads/main"


@dataclass(frozen=True)
class Shape:
    """How large a generated repository is. Beside main there are `refs` branches."""

    name: str
    commits: int
    files: int
    lines: int  # of a file at first
    refs: int = 0


TINY = Shape("tiny", commits=10, files=5, lines=20)
MEDIUM = Shape("medium", commits=5000, files=2000, lines=40)
MEDIUM_QUICK = Shape("medium", commits=1000, files=500, lines=40)
MANY_REFS = Shape("refs20k", commits=1000, files=20, lines=20, refs=20_000)


@dataclass(frozen=True)
class Git:
    """The stock client, with nothing of this machine's configuration."""

    home: Path
    _environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(exist_ok=True)
        self._environment.update(
            HOME=str(self.home),
            PATH="/usr/local/bin:/usr/bin:/bin",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_TERMINAL_PROMPT="0",
            GIT_AUTHOR_NAME="Bench",
            GIT_AUTHOR_EMAIL="bench@example.org",
            GIT_COMMITTER_NAME="Bench",
            GIT_COMMITTER_EMAIL="bench@example.org",
        )
        config = "[gc]\nauto = 0\n[maintenance]\nauto = false\n[init]\ndefaultBranch = main\n"
        (self.home / ".gitconfig").write_text(config)

    def __call__(self, *arguments: str | Path, at: Path | None = None) -> str:
        """Run git and return its standard output; what it says on standard error is told if it fails."""
        done = subprocess.run(
            ["git", *map(str, arguments)],
            cwd=at,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def import_stream(self, repository: Path, stream: Iterator[bytes]) -> None:
        """Feed `git fast-import`."""
        importer = subprocess.Popen(
            ["git", "fast-import", "--quiet"],
            cwd=repository,
            env=self._environment,
            stdin=subprocess.PIPE,
        )
        assert importer.stdin is not None
        with importer.stdin as pipe:
            _write(pipe, stream)
        if importer.wait() != 0:
            raise RuntimeError("git fast-import failed")


def _write(pipe: IO[bytes], stream: Iterator[bytes]) -> None:
    for piece in stream:
        pipe.write(piece)


def generate(git: Git, shape: Shape, folder: Path) -> Path:
    """Make the repository, bare and fully packed, and return its path."""
    path = folder / f"{shape.name}.git"
    git("init", "--quiet", "--bare", path)
    git.import_stream(path, _stream(shape))
    if shape.refs:
        _write_refs(git, shape, path)
    # What a well-kept server has: one pack, a bitmap, a commit graph.
    git("repack", "-a", "-d", "-b", "-q", at=path)
    git("commit-graph", "write", "--reachable", at=path)
    return path


def _write_refs(git: Git, shape: Shape, path: Path) -> None:
    """Write the branches beside main at once: git would take a file and a rename for each."""
    commits = git("rev-list", MAIN, at=path).split()
    names = [MAIN, *(f"refs/heads/topic/{number:05d}" for number in range(shape.refs))]
    chance = random.Random(_SEED)
    lines = [f"{commits[0] if name == MAIN else chance.choice(commits)} {name}\n" for name in names]
    head = "# pack-refs with: peeled fully-peeled sorted \n"
    (path / "packed-refs").write_text(head + "".join(sorted(lines, key=lambda line: line[41:])))


def _stream(shape: Shape) -> Iterator[bytes]:
    """Yield the stream of `git fast-import` that makes the repository."""
    chance = random.Random(_SEED)
    words = [f"{chance.getrandbits(40):010x}"[: chance.randint(2, 10)] for _ in range(4000)]
    files = [[_line(chance, words) for _ in range(shape.lines)] for _ in range(shape.files)]
    for number in range(shape.commits):
        changed = (
            range(shape.files) if number == 0 else chance.sample(range(shape.files), min(4, shape.files))
        )
        if number:
            for file in changed:
                for _ in range(3):
                    files[file][chance.randrange(shape.lines)] = _line(chance, words)
        message = f"Change {number}\n".encode()
        yield b"commit %s\nmark :%d\n" % (MAIN.encode(), number + 1)
        yield b"committer Bench <bench@example.org> %d +0000\n" % (_START + number * 60)
        yield b"data %d\n%s" % (len(message), message)
        for file in changed:
            content = b"".join(files[file])
            yield b"M 100644 inline src/part%02d/file%04d.txt\n" % (file % 40, file)
            yield b"data %d\n%s\n" % (len(content), content)


def _line(chance: random.Random, words: list[str]) -> bytes:
    text = " ".join(chance.choices(words, k=8))
    return f"{text} {chance.getrandbits(64):016x}\n".encode()
