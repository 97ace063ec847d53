"""Random histories, the same each time for a seed, made by one `git fast-import`: with merges, renames,
files that turn into folders, links, submodules, and names that are not UTF-8."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAMES = [b"a", b"a-b", b"a.c", b"a0", b"b", b"caf\xc3\xa9", b"\xff\xfe", b"z z"]
_MODES = [b"100644", b"100644", b"100644", b"100755", b"120000", b"160000"]
_FIRST_SECOND = 1_700_000_000

Files = dict[bytes, tuple[bytes, bytes]]  # mode and content, or id of a submodule's commit, by path


@dataclass
class History:
    """A bare repository; `commits` are its commits, oldest first."""

    path: Path
    commits: list[str] = field(default_factory=list)

    def git(self, *arguments: str | bytes, given: bytes = b"") -> bytes:
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=given, env=environment, capture_output=True, check=True).stdout


def generate(folder: Path, seed: int, commits: int) -> History:
    """Make a history; its last commit is the tip of main, and most others can be reached from there."""
    dice = random.Random(seed)
    made: list[tuple[list[int], Files]] = []
    for number in range(commits):
        parents = _parents(dice, number)
        files = dict(made[parents[0]][1]) if parents else {}
        for other in parents[1:]:
            _join(dice, files, made[other][1])
        for _ in range(dice.randint(0 if len(parents) > 1 else 1, 4)):
            _change(dice, files)
        made.append((parents, files))
    return fast_import(folder, made)


def fast_import(folder: Path, commits: Sequence[tuple[Sequence[int], Files]]) -> History:
    """Make a repository of commits, given by the numbers of their parents and all their files."""
    folder.mkdir(parents=True, exist_ok=True)
    history = History(folder)
    history.git("init", "--quiet", "--bare", "-b", "main", ".")
    stream = b"".join(_commit(number, *commit) for number, commit in enumerate(commits))
    history.git("fast-import", "--quiet", "--force", "--export-marks=marks", given=stream)
    marks = dict(line[1:].split() for line in (folder / "marks").read_text().splitlines())
    history.commits = [marks[str(number + 1)] for number in range(len(commits))]
    return history


def _parents(dice: random.Random, number: int) -> list[int]:
    if number == 0:
        return []
    if dice.random() < 0.5:
        return [number - 1]
    recent = range(max(0, number - 8), number)
    return dice.sample(recent, min(len(recent), dice.choice([1, 2, 2, 2, 3])))


def _join(dice: random.Random, files: Files, other: Mapping[bytes, tuple[bytes, bytes]]) -> None:
    for path, entry in other.items():
        if files.get(path) != entry and dice.random() < 0.5:
            _put(files, path, entry)


def _change(dice: random.Random, files: Files) -> None:
    kind = dice.random()
    if files and kind < 0.08:
        del files[dice.choice(sorted(files))]
    elif files and kind < 0.25:
        _put(files, _path(dice), files.pop(dice.choice(sorted(files))))
    elif files and kind < 0.6:
        path = dice.choice(sorted(files))
        mode, content = files[path]
        if mode != b"160000":
            files[path] = mode, content + b"%x\n" % dice.getrandbits(32)
    else:
        mode = dice.choice(_MODES)
        lines = b"".join(b"%x\n" % dice.getrandbits(40) for _ in range(dice.randint(0, 12)))
        content = b"%040x" % dice.getrandbits(160) if mode == b"160000" else lines
        _put(files, _path(dice), (mode, content))


def _put(files: Files, path: bytes, entry: tuple[bytes, bytes]) -> None:
    """Put an entry; what stands in its way, a file for a folder or a folder for a file, goes."""
    for other in list(files):
        if path.startswith(other + b"/") or other.startswith(path + b"/"):
            del files[other]
    files[path] = entry


def _path(dice: random.Random) -> bytes:
    return b"/".join(dice.choice(NAMES) for _ in range(dice.choice([1, 2, 2, 3, 3, 3, 3])))


def _commit(number: int, parents: Sequence[int], files: Files) -> bytes:
    lines = [b"commit refs/heads/main\nmark :%d\n" % (number + 1)]
    lines.append(b"committer Mary Major <mary@example.org> %d +0000\n" % (_FIRST_SECOND + number * 60))
    lines.append(_data(b"Change %d\n" % number))
    for at, parent in enumerate(parents):
        lines.append(b"%s :%d\n" % (b"merge" if at else b"from", parent + 1))
    lines.append(b"deleteall\n")
    for path, (mode, content) in sorted(files.items()):
        quoted = b'"%s"' % b"".join(b"\\%03o" % byte for byte in path)
        if mode == b"160000":
            lines.append(b"M 160000 %s %s\n" % (content, quoted))
        else:
            lines.append(b"M %s inline %s\n%s" % (mode, quoted, _data(content)))
    return b"".join(lines)


def _data(text: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(text), text)
