"""The sample repository's history: a few commits, a branch and a tag, as one push brings them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pygit2

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.receive_pack import PushRequest, RefUpdate

_BEGAN = 1_767_225_600  # 2026-01-01, so that every demo has the same commits
_HOUR = 3600

_README = """# MyDemoRepo

A sample repository of moorage. Clone it, change it, push it:

    git switch -c my-change
    git commit -a
    git push -u origin my-change
"""
_GREETING = 'def greet(name: str) -> str:\n    return f"Hello, {name}."\n'
_TESTED = _GREETING + '\n\nif __name__ == "__main__":\n    print(greet("world"))\n'
_NOTES = "# Notes\n\n- 1.0: says hello.\n"
_LOUDER = _TESTED.replace('."', '!"')


@dataclass(frozen=True, slots=True)
class DemoPush:
    """A push's commands and its pack."""

    request: PushRequest
    pack: bytes


def push() -> DemoPush:
    """Return the push that fills the empty sample repository."""
    with tempfile.TemporaryDirectory(prefix="moorage-demo-") as folder:
        repository = pygit2.init_repository(folder, bare=True)
        first = _commit(repository, 0, "Begin with a README", {"README.md": _README})
        second = _commit(
            repository, 1, "Greet by name", {"README.md": _README, "greeting.py": _GREETING}, first
        )
        files = {"README.md": _README, "greeting.py": _TESTED, "NOTES.md": _NOTES}
        main = _commit(repository, 2, "Greet the world when run; note the release", files, second)
        branch = _commit(repository, 3, "Greet louder", {**files, "greeting.py": _LOUDER}, main)
        tag = repository.create_tag("v1.0", main, pygit2.enums.ObjectType.COMMIT, _author(2), "Version 1.0\n")
        refs = {b"refs/heads/main": main, b"refs/heads/louder": branch, b"refs/tags/v1.0": tag}
        updates = tuple(RefUpdate(name, ZERO_ID, ObjectId(str(new))) for name, new in refs.items())
        return DemoPush(PushRequest(updates, {"atomic": ""}), _pack(repository, Path(folder), branch, tag))


def _commit(
    repository: pygit2.Repository, hour: int, message: str, files: dict[str, str], *parents: pygit2.Oid
) -> pygit2.Oid:
    tree = repository.TreeBuilder()
    for name, content in files.items():
        tree.insert(name, repository.create_blob(content.encode()), pygit2.enums.FileMode.BLOB)
    author = _author(hour)
    return repository.create_commit(None, author, author, f"{message}\n", tree.write(), list(parents))


def _author(hour: int) -> pygit2.Signature:
    return pygit2.Signature("Demo", "demo@example.org", _BEGAN + hour * _HOUR, 0)


def _pack(repository: pygit2.Repository, folder: Path, tip: pygit2.Oid, tag: pygit2.Oid) -> bytes:
    builder = pygit2.PackBuilder(repository)
    for commit in repository.walk(tip):
        builder.add_recur(commit.id)
    builder.add(tag)
    builder.write(str(folder))
    return next(folder.glob("pack-*.pack")).read_bytes()
