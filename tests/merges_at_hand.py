"""Repositories with commits to be merged, published through a desk of the CodeCommit API."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.new_objects import NewObjects, Signature
from moorage.git.objects import open_bare
from moorage.git.tree_writing import write_tree
from moorage.git.trees import EXECUTABLE, NORMAL, SUBMODULE, SYMLINK, Item, items, tree_of
from moorage.repos.authoring import building
from moorage.repos.publish import Proposal
from moorage.storage.repositories import RefChange
from repositories_at_hand import Desk

# What is at a path: a file's text, or a mode and content (a commit id for a submodule).
File = str | bytes | tuple[int, bytes]
Files = dict[str, File]

WHO = Signature("Mary Major", "mary@example.com", datetime(2024, 1, 2, tzinfo=UTC))

TEN = "".join(f"{number}\n" for number in range(10))


def line(number: int, text: str, of: str = TEN) -> str:
    """Return a text with one of its lines changed."""
    lines = of.splitlines(keepends=True)
    return "".join([*lines[:number], f"{text}\n", *lines[number + 1 :]])


@dataclass
class Sides:
    """Repository demo of a desk."""

    desk: Desk

    @classmethod
    def of(cls, desk: Desk, base: Files | None, destination: Files, source: Files) -> Sides:
        """Make branches main (the destination) and topic (the source); no base: unrelated histories."""
        desk.repository("demo")
        sides = cls(desk)
        parents = () if base is None else (sides.commit("base", base),)
        sides.commit("main", destination, *parents)
        sides.commit("topic", source, *parents)
        return sides

    def commit(self, branch: str, files: Files, *parents: ObjectId) -> ObjectId:
        """Make a commit with exactly these files, and a branch (or a full ref) at it."""
        opened = self.desk.open("demo")
        with building(opened) as new:
            items = {path.encode(): _item(new, file) for path, file in files.items()}
            tree = write_tree(new.repository, None, items)
            made = new.commit(tree, parents, author=WHO, committer=WHO, message=f"{branch}\n")
            name = (branch if branch.startswith("refs/") else f"refs/heads/{branch}").encode()
            change = RefChange(name, opened.snapshot.ref(name) or ZERO_ID, made)
            publisher = self.desk.call.publisher
            started = publisher.started()
            proposal = Proposal(
                self.desk.caller, "codecommit:GitPush", (change,), started, received=new.packed()
            )
            assert publisher.publish(opened, proposal) == {}
        return made

    def tip(self, branch: str) -> ObjectId:
        found = self.desk.open("demo").snapshot.ref(f"refs/heads/{branch}".encode())
        assert found is not None
        return found

    def files(self, commit: ObjectId) -> dict[str, tuple[int, bytes]]:
        """Return every file of a commit, as mode and content."""
        with self.desk.open("demo").reading() as path:
            repository = open_bare(path)
            found: dict[str, tuple[int, bytes]] = {}
            waiting = [("", tree_of(repository, commit))]
            while waiting:
                folder, tree = waiting.pop()
                for name, item in items(repository, tree).items():
                    here = folder + name.decode()
                    if item.is_tree:
                        waiting.append((here + "/", item.object_id))
                    elif item.mode == SUBMODULE:
                        found[here] = (SUBMODULE, item.object_id.encode())
                    else:
                        found[here] = (item.mode, repository.odb.read(item.object_id)[1])
            return found

    def ask(self, operation: str, **more: Any) -> dict[str, Any]:
        """Ask about merging topic into main, unless told otherwise."""
        request = {
            "repositoryName": "demo",
            "sourceCommitSpecifier": "topic",
            "destinationCommitSpecifier": "main",
            **more,
        }
        return self.desk.ask(operation, **request)

    def merged(self, operation: str = "MergeBranchesByThreeWay", **more: Any) -> dict[str, tuple[int, bytes]]:
        """Merge; return the files of the result."""
        return self.files(self.ask(operation, **more)["commitId"])


def text(content: str) -> tuple[int, bytes]:
    return NORMAL, content.encode()


def encoded(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.b64encode(raw).decode()


def _item(new: NewObjects, file: File) -> Item:
    mode, content = file if isinstance(file, tuple) else (NORMAL, file)
    if mode == SUBMODULE:
        assert isinstance(content, bytes)
        return Item(mode, ObjectId(content.decode()))
    raw = content.encode() if isinstance(content, str) else content
    return Item(mode, new.blob(raw))


__all__ = ["EXECUTABLE", "NORMAL", "SUBMODULE", "SYMLINK", "TEN", "Files", "Sides", "encoded", "line", "text"]
