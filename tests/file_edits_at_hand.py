"""What tests of files have at hand: a repository that has one of everything, and what git says of it."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pygit2

from identities_at_hand import NOW
from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.new_objects import NewObjects, Signature
from moorage.repos.authoring import building
from moorage.repos.publish import Proposal
from moorage.storage.repositories import RefChange
from repositories_at_hand import Desk

NAME = "demo"
MARY = Signature("Mary Major", "mary@example.com", NOW)
ODD = b"odd\xff"
BIG_BYTES = (6 << 20) + 1
NO_COMMIT = "a" * 40

# What is wrong with a commit whatever it changes; None stands for a member that is left out.
WRONG_COMMITS: list[tuple[dict[str, Any], str]] = [
    ({"parentCommitId": None}, "ParentCommitIdRequiredException"),
    ({"parentCommitId": "main"}, "InvalidParentCommitIdException"),
    ({"parentCommitId": NO_COMMIT}, "ParentCommitDoesNotExistException"),
    ({"branchName": "v1"}, "BranchNameIsTagNameException"),
    ({"branchName": "none"}, "BranchDoesNotExistException"),
    ({"branchName": "a..b"}, "InvalidBranchNameException"),
    ({"branchName": None}, "BranchNameRequiredException"),
    ({"email": "e" * 257}, "InvalidEmailException"),
    ({"email": "<mary>"}, "InvalidEmailException"),
    ({"commitMessage": "m" * 262_145}, "CommitMessageLengthExceededException"),
    ({"repositoryName": "none"}, "RepositoryDoesNotExistException"),
    ({"repositoryName": "a.git"}, "InvalidRepositoryNameException"),
    ({"repositoryName": None}, "RepositoryNameRequiredException"),
]


@contextmanager
def filled(folder: Path) -> Iterator[tuple[Desk, ObjectId]]:
    """Yield a desk with repository demo, and the commit that `fill` made."""
    desk = Desk.at(folder)
    desk.repository(NAME)
    yield desk, fill(desk)
    desk.close()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def put(desk: Desk, path: str, content: bytes = b"new\n", parent: str | None = None, **more: Any) -> Any:
    """Put a file on main."""
    request = {"repositoryName": NAME, "branchName": "main", "filePath": path, "fileContent": b64(content)}
    return desk.ask("PutFile", **request, **({"parentCommitId": parent} if parent else {}), **more)


def create(desk: Desk, parent: str | None = None, **more: Any) -> Any:
    """Create a commit on main."""
    request = {"repositoryName": NAME, "branchName": "main"}
    return desk.ask("CreateCommit", **request, **({"parentCommitId": parent} if parent else {}), **more)


def delete(desk: Desk, path: str, parent: str, **more: Any) -> Any:
    """Delete a file of main."""
    request = {"repositoryName": NAME, "branchName": "main", "filePath": path}
    return desk.ask("DeleteFile", **request, parentCommitId=parent, **more)


def fill(desk: Desk) -> ObjectId:
    """Publish one commit with one of everything that a tree can hold, and a tag; return the commit."""
    opened = desk.open(NAME)
    with building(opened) as new:
        big = new.blob(b"\0" * BIG_BYTES)
        x = new.blob(b"x\n")
        inner = tree(new, [(b"100644", b".gitkeep", new.blob(b"")), (b"100644", ODD, x)])
        lone = tree(new, [(b"100644", b"only.txt", x)])
        root = tree(
            new,
            [
                (b"100664", b"a.txt", x),
                (b"100644", b"big", big),
                (b"40000", b"docs", inner),
                (b"120000", b"link", x),
                (b"40000", b"lone", lone),
                (b"160000", b"module", x),
                (b"100644", ODD, x),
                (b"100755", b"run", x),
            ],
        )
        made = new.commit(root, [], author=MARY, committer=MARY, message="Begin\n")
        changes = tuple(RefChange(ref, ZERO_ID, made) for ref in (b"refs/heads/main", b"refs/tags/v1"))
        started = desk.call.publisher.started()
        proposal = Proposal(desk.caller, "codecommit:GitPush", changes, started, received=new.packed())
        assert desk.call.publisher.publish(opened, proposal) == {}
    return made


def tree(new: NewObjects, lines: list[tuple[bytes, bytes, ObjectId]]) -> ObjectId:
    content = b"".join(b"%b %b\0%b" % (mode, name, bytes.fromhex(blob)) for mode, name, blob in lines)
    return ObjectId(str(new.repository.odb.write(pygit2.enums.ObjectType.TREE, content)))


def told_by_git(desk: Desk, commits: list[str], *, check: bool = True) -> dict[str, Mapping[bytes, Any]]:
    """Return what stock git lists for each commit, by path: mode and id; have it check all objects too."""
    with desk.open(NAME).reading() as folder:
        if check:
            _git(folder, "fsck", "--strict", "--no-dangling")
        listed: dict[str, Mapping[bytes, Any]] = {}
        for commit in commits:
            lines = _git(folder, "ls-tree", "-r", "-z", commit).split(b"\0")[:-1]
            pairs = (line.split(b"\t", 1) for line in lines)
            listed[commit] = {path: tuple(head.decode().split()[::2]) for head, path in pairs}
        return listed


def _git(folder: Path, *arguments: str) -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
