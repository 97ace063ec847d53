"""Random commits of many changes agree with a dictionary of files, and git reads back what it holds."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from file_edits_at_hand import BIG_BYTES, ODD, b64, create, filled, told_by_git
from moorage.core.faults import Fault

pytestmark = pytest.mark.slow

STEPS = 150
NAMES = ("a", "b", "ü", ".gitkeep", "a b")
MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}

File = tuple[str, str]  # mode as git tells it, blob id
Files = dict[bytes, File]


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def begun() -> Files:
    """Return what `fill` puts in the repository, but for its submodule."""
    x = blob(b"x\n")
    files = {b"a.txt": ("100644", x), b"link": ("120000", x), b"run": ("100755", x), ODD: ("100644", x)}
    files |= {b"docs/" + ODD: ("100644", x), b"lone/only.txt": ("100644", x)}
    return files | {b"docs/.gitkeep": ("100644", blob(b"")), b"big": ("100644", blob(b"\0" * BIG_BYTES))}


def a_path(chance: random.Random, files: Files, *, there: float = 0.9) -> str:
    known = [path.decode() for path in files if path != b"big" and b"\xff" not in path]
    if known and chance.random() < there:
        return chance.choice(known)
    return "/".join(chance.choices(NAMES, k=chance.randint(1, 3)))


def a_request(chance: random.Random, files: Files) -> dict[str, Any]:
    puts: list[dict[str, Any]] = []
    for _ in range(chance.randint(0, 3)):
        put: dict[str, Any] = {"filePath": a_path(chance, files, there=0.3)}
        if chance.random() < 0.4:
            put["sourceFile"] = {"filePath": a_path(chance, files), "isMove": chance.random() < 0.5}
        else:
            put["fileContent"] = b64(chance.choice([b"", b"x\n", chance.randbytes(5)]))
        if chance.random() < 0.3:
            put["fileMode"] = chance.choice(list(MODES))
        puts.append(put)
    deletes = [{"filePath": a_path(chance, files)} for _ in range(chance.randint(0, 2))]
    modes = [
        {"filePath": a_path(chance, files), "fileMode": chance.choice(list(MODES))}
        for _ in range(chance.choice([0, 0, 1]))
    ]
    kept = chance.random() < 0.5
    return {"putFiles": puts, "deleteFiles": deletes, "setFileModes": modes, "keepEmptyFolders": kept}


def above(path: bytes) -> Iterator[bytes]:
    parts = path.split(b"/")
    return (b"/".join(parts[:end]) for end in range(1, len(parts)))


@dataclass
class Asked:
    """A request, taken apart."""

    puts: dict[bytes, Mapping[str, Any]]
    sources: dict[bytes, bytes]
    taken: list[bytes]  # what is copied or moved, also for a path that is put twice
    gone: list[bytes]
    modes: dict[bytes, str]
    keep: bool

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Asked:
        puts = {each["filePath"].encode(): each for each in request["putFiles"]}
        sources = {path: each["sourceFile"] for path, each in puts.items() if "sourceFile" in each}
        gone = [each["filePath"] for each in request["deleteFiles"]]
        gone += [each["filePath"] for each in sources.values() if each["isMove"]]
        return cls(
            puts,
            {path: each["filePath"].encode() for path, each in sources.items()},
            [each["sourceFile"]["filePath"].encode() for each in request["putFiles"] if "sourceFile" in each],
            [path.encode() for path in gone],
            {each["filePath"].encode(): MODES[each["fileMode"]] for each in request["setFileModes"]},
            request["keepEmptyFolders"],
        )


def due(files: Files, asked: Asked, puts: int) -> set[str]:
    """Return the errors of which one is due; `puts` is how many were asked for."""
    left = files.keys() - set(asked.gone)
    named = [*asked.puts, *asked.gone, *asked.modes]
    folders = {folder for path in asked.puts for folder in above(path)}
    wrong = {
        "FileEntryRequired": not named,
        "SamePathRequest": len(set(named)) < len(named) or len(asked.puts) < puts,
        "PutFileEntryConflict": bool(folders & asked.puts.keys()),
        "RestrictedSourceFile": any(source.endswith(b".gitkeep") for source in asked.taken),
        "FileDoesNotExist": not {*asked.gone, *asked.modes, *asked.taken} <= files.keys(),
        "FileNameConflictsWithDirectoryName": any(set(above(path)) & asked.puts.keys() for path in left),
        "DirectoryNameConflictsWithFileName": bool(folders & left),
    }
    return {error for error, is_due in wrong.items() if is_due}


def edited(files: Files, asked: Asked) -> Files:
    """Return the files after a request that nothing is wrong with."""
    after = {path: file for path, file in files.items() if path not in asked.gone}
    after |= {path: (mode, files[path][1]) for path, mode in asked.modes.items()}
    for path, each in asked.puts.items():
        if path in asked.sources:
            mode, written = files[asked.sources[path]]
        else:
            mode, written = files.get(path, ("100644", ""))[0], blob(base64.b64decode(each["fileContent"]))
        after[path] = (MODES[each["fileMode"]] if "fileMode" in each else mode, written)
    for folder, _, name in (path.rpartition(b"/") for path in asked.gone if asked.keep):
        empty = not any(folder in above(other) for other in after)
        free = not any(each in after for each in (*above(folder), folder))
        if folder and empty and free and name != b".gitkeep":
            after[folder + b"/.gitkeep"] = ("100644", blob(b""))
    return after


def expected(files: Files, request: Mapping[str, Any]) -> tuple[Files, set[str]]:
    asked = Asked.of(request)
    if errors := due(files, asked, len(request["putFiles"])):
        return files, errors
    after = edited(files, asked)
    return after, set() if after != files else {"NoChange"}


@pytest.mark.parametrize("seed", range(4))
def test_random_commits_agree_with_a_dictionary_and_with_git(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with filled(tmp_path) as (desk, tip):
        files, commits, refusals = begun(), {str(tip): begun()}, set()
        parent = str(tip)
        for _ in range(STEPS):
            request = a_request(chance, files)
            after, errors = expected(files, request)
            if errors:
                with pytest.raises(Fault) as refused:
                    create(desk, parent, **request)
                assert refused.value.code.removesuffix("Exception") in errors, request
                refusals.add(refused.value.code)
                continue
            made = create(desk, parent, **request)
            added = {each["absolutePath"].encode() for each in made["filesAdded"]}
            gone = {each["absolutePath"].encode() for each in made["filesDeleted"]}
            changed = {each["absolutePath"].encode() for each in made["filesUpdated"]}
            assert (added, gone) == (after.keys() - files.keys(), files.keys() - after.keys()), request
            both = after.keys() & files.keys()
            assert changed == {path for path in both if after[path] != files[path]}, request
            parent, files = made["commitId"], after
            commits[parent] = files
        told = told_by_git(desk, list(commits))
    assert len(commits) > STEPS // 6
    assert len(refusals) > 3
    for commit, has in commits.items():
        assert {path: file for path, file in told[commit].items() if path != b"module"} == has
