"""Pushes, API commits, merges, branches and pull requests in any order agree with a simple model of them.

The model knows files as a dictionary, history as a graph, and a pull request as two branch names.
After each step the refs, the files of each branch and every pull request are compared, and git
checks the repository.
"""

from __future__ import annotations

import base64
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pygit2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.new_objects import NewObjects, Signature
from moorage.git.receive_pack import PushRequest, RefUpdate
from moorage.repos.push import Push
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow

NAME = "sample"
MARY = Signature("Mary Major", "mary@example.com", datetime(2026, 11, 25, tzinfo=UTC))
BRANCHES = st.sampled_from(["main", "feature", "fix", "old/one"])
PATHS = st.sampled_from(["a.txt", "folder/b.txt", "folder/deep/c.txt"])
SEEDS = st.integers(0, 2**32)
OPTIONS = st.sampled_from(["FastForward", "Squash", "ThreeWay"])

Files = Mapping[str, bytes]


@dataclass
class Pull:
    """A pull request, as the model has it."""

    source: str
    destination: str
    source_commit: str
    revision: str
    open: bool = True
    merged: bool = False
    moved: bool = False  # its source, since it was last looked at


@dataclass
class Model:
    """What the repository should be."""

    branches: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    files: dict[str, Files] = field(default_factory=dict)  # by commit
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pulls: dict[str, Pull] = field(default_factory=dict)

    def commit(self, name: str, parents: tuple[str, ...], files: Files) -> None:
        self.files[name], self.parents[name] = files, parents

    def move(self, branch: str, commit: str | None) -> None:
        """Move, make or delete a branch, with what that does to pull requests."""
        if commit is None:
            del self.branches[branch]
        else:
            self.branches[branch] = commit
            self.default = self.default or branch
        for pull in self.pulls.values():
            if not pull.open or branch not in {pull.source, pull.destination}:
                continue
            if commit is None:
                pull.open = False
                continue
            if branch == pull.source:
                pull.moved = pull.moved or commit != pull.source_commit
                pull.source_commit = commit
            if branch == pull.destination and pull.source_commit in self.history(commit):
                pull.open, pull.merged = False, True

    def history(self, commit: str) -> set[str]:
        """Return a commit and all that it came from."""
        seen: set[str] = set()
        waiting = [commit]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self.parents[name]
        return seen

    def bases(self, one: str, other: str) -> list[str]:
        """Return the best common ancestors of two commits."""
        common = self.history(one) & self.history(other)
        return [name for name in common if not any(name in self.history(x) - {x} for x in common)]

    def is_plain(self, bases: list[str], ours: str, theirs: str) -> bool:
        """Tell whether a merge has one base and no side moved a file of it: what the model can merge."""
        if len(bases) != 1:
            return False
        base = self.files[bases[0]]
        return not any(
            text in base.values() and base.get(path) != text
            for side in (ours, theirs)
            for path, text in self.files[side].items()
        )

    def merged(self, base: str, ours: str, theirs: str) -> Files | None:
        """Return the files of a merge, or None for a conflict: each file is one line, changed or not."""
        result: dict[str, bytes] = {}
        old, left, right = (self.files[name] for name in (base, ours, theirs))
        for path in old.keys() | left.keys() | right.keys():
            before, mine, other = old.get(path), left.get(path), right.get(path)
            if other in (mine, before):
                found = mine
            elif mine == before:
                found = other
            else:
                return None
            if found is not None:
                result[path] = found
        return result


def content(seed: int) -> bytes:
    """Return one line that looks like no other, so that nothing is taken for a rename."""
    return random.Random(seed).randbytes(150).hex().encode() + b"\n"


class Interleavings(RuleBasedStateMachine):
    """Any order of operations on one repository."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.desk = Desk.at(Path(self._folder.name))
        self.desk.repository(NAME)
        self.model = Model()

    def teardown(self) -> None:
        self.desk.close()
        self._folder.cleanup()

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.desk.ask(operation, **request)

    def tip(self, branch: str) -> str | None:
        return self.model.branches.get(branch)

    # --- commits ------------------------------------------------------------------------------

    @initialize(seed=SEEDS)
    def begin(self, seed: int) -> None:
        """Make three branches that went their own ways, and a pull request between two of them."""
        self._put("main", "a.txt", content(seed))
        start = self.model.branches["main"]
        for branch, path in (("feature", "folder/b.txt"), ("fix", "a.txt")):
            self.ask("CreateBranch", repositoryName=NAME, branchName=branch, commitId=start)
            self.model.move(branch, start)
            self._put(branch, path, content(seed + len(branch)))
        self._open("feature", "fix")

    @rule(pick=SEEDS, path=PATHS, seed=SEEDS)
    def put_file(self, pick: int, path: str, seed: int) -> None:
        self._put(self._branch(pick), path, content(seed))

    def _put(self, branch: str, path: str, text: bytes) -> None:
        tip = self.tip(branch)
        before = self.model.files[tip] if tip else {}
        request = {
            "repositoryName": NAME,
            "branchName": branch,
            "filePath": path,
            "fileContent": base64.b64encode(text).decode(),
            **({"parentCommitId": tip} if tip else {}),
        }
        if before.get(path) == text:
            self._refused("PutFile", {"SameFileContentException"}, **request)
            return
        made = self.ask("PutFile", **request)["commitId"]
        self.model.commit(made, (tip,) if tip else (), {**before, path: text})
        self.model.move(branch, made)

    @rule(pick=SEEDS, path=PATHS)
    def delete_file(self, pick: int, path: str) -> None:
        branch = self._branch(pick)
        tip = self.model.branches[branch]
        before = self.model.files[tip]
        request = {"repositoryName": NAME, "branchName": branch, "filePath": path, "parentCommitId": tip}
        if path not in before:
            self._refused("DeleteFile", {"FileDoesNotExistException"}, **request)
            return
        made = self.ask("DeleteFile", **request)["commitId"]
        self.model.commit(made, (tip,), {name: text for name, text in before.items() if name != path})
        self.model.move(branch, made)

    @rule(pick=SEEDS, path=PATHS, to=PATHS, seed=SEEDS)
    def create_commit(self, pick: int, path: str, to: str, seed: int) -> None:
        """Move one file over another, and write a third, in one commit."""
        branch = self._branch(pick)
        tip = self.model.branches[branch]
        if path == to or path not in self.model.files[tip]:
            return
        before = dict(self.model.files[tip])
        third = "third.txt"
        source = {"filePath": path, "isMove": True}
        made = self.ask(
            "CreateCommit",
            repositoryName=NAME,
            branchName=branch,
            parentCommitId=tip,
            putFiles=[
                {"filePath": to, "sourceFile": source},
                {"filePath": third, "fileContent": base64.b64encode(content(seed)).decode()},
            ],
        )["commitId"]
        before[to] = before.pop(path)
        self.model.commit(made, (tip,), {**before, third: content(seed)})
        self.model.move(branch, made)

    # --- pushes -------------------------------------------------------------------------------

    @rule(branch=BRANCHES, path=PATHS, seed=SEEDS, force=st.booleans())
    def push(self, branch: str, path: str, seed: int, force: bool) -> None:
        """Push a new commit, on the branch's tip or, by force, on another one's."""
        tip = self.tip(branch)
        base = self.tip("main") if force or tip is None else tip
        assert base is not None
        files = {**self.model.files[base], path: content(seed)}
        opened = self.desk.open(NAME)
        with opened.reading() as cached, NewObjects(Path(self._folder.name) / "client", cached) as new:
            made = new.commit(
                _tree(new, files), [ObjectId(base)], author=MARY, committer=MARY, message=f"{seed}\n"
            )
            packed = new.packed()
            pack = packed.pack.read_bytes() if packed is not None else b""
        update = RefUpdate(f"refs/heads/{branch}".encode(), ObjectId(tip or ZERO_ID), made)
        push = Push(self.desk.call.publisher, self.desk.call.gate, self.desk.caller, opened, {})
        assert not push.run(PushRequest((update,), {}), iter([pack])).refused
        self.model.commit(made, (base,), files)
        self.model.move(branch, made)

    # --- branches -----------------------------------------------------------------------------

    @rule(branch=BRANCHES, pick=SEEDS)
    def create_branch(self, branch: str, pick: int) -> None:
        commit = self.model.branches[self._branch(pick)]
        request = {"repositoryName": NAME, "branchName": branch, "commitId": commit}
        if branch in self.model.branches:
            self._refused("CreateBranch", {"BranchNameExistsException"}, **request)
        else:
            self.ask("CreateBranch", **request)
            self.model.move(branch, commit)

    @rule(pick=SEEDS)
    def delete_branch(self, pick: int) -> None:
        branch = self._branch(pick)
        request = {"repositoryName": NAME, "branchName": branch}
        if branch == self.model.default:
            self._refused("DeleteBranch", {"DefaultBranchCannotBeDeletedException"}, **request)
            return
        self.ask("DeleteBranch", **request)
        self.model.move(branch, None)

    # --- merges -------------------------------------------------------------------------------

    @rule(one=SEEDS, other=SEEDS, option=OPTIONS)
    def merge_branches(self, one: int, other: int, option: str) -> None:
        source, destination = self._branch(one), self._branch(other)
        theirs, ours = self.model.branches[source], self.model.branches[destination]
        if theirs in self.model.history(ours):
            return  # nothing to merge: what AWS does then is not known
        request = {
            "repositoryName": NAME,
            "sourceCommitSpecifier": source,
            "destinationCommitSpecifier": destination,
            "targetBranch": destination,
        }
        self._merge(f"MergeBranchesBy{option}", option, request, ours, theirs, destination)

    def _merge(
        self, operation: str, option: str, request: dict[str, Any], ours: str, theirs: str, branch: str
    ) -> bool:
        """Merge, and say what should come of it; return whether it was done."""
        if option != "FastForward":
            request["conflictDetailLevel"] = "LINE_LEVEL"
        bases = self.model.bases(ours, theirs)
        possible = self._possible(option, bases, ours, theirs)
        if possible is False:
            self._refused(operation, {"ManualMergeRequiredException"}, **request)
            return False
        try:
            answer = self.ask(operation, **request)
        except Fault:
            if possible:
                raise
            return False
        made = self.desk.ask("GetBranch", repositoryName=NAME, branchName=branch)["branch"]["commitId"]
        if "commitId" in answer:
            assert answer["commitId"] == made
        if option == "FastForward":
            assert made == theirs
        else:
            files = self._files_of(made)
            if self.model.is_plain(bases, ours, theirs):
                assert files == self.model.merged(bases[0], ours, theirs)
            parents = (ours,) if option == "Squash" else (ours, theirs)
            self.model.commit(made, parents, files)
        self.model.move(branch, made)
        return True

    def _possible(self, option: str, bases: list[str], ours: str, theirs: str) -> bool | None:
        """Tell whether a merge must come out; None where histories crossed or files were moved."""
        if option == "FastForward":
            return bases == [ours]
        if not self.model.is_plain(bases, ours, theirs):
            return None
        return self.model.merged(bases[0], ours, theirs) is not None

    # --- pull requests ------------------------------------------------------------------------

    @rule(one=SEEDS, other=SEEDS)
    def create_pull_request(self, one: int, other: int) -> None:
        source, destination = self._branch(one), self._branch(other)
        if source != destination:
            self._open(source, destination)

    def _open(self, source: str, destination: str) -> None:
        theirs = self.model.branches[source]
        target = {
            "repositoryName": NAME,
            "sourceReference": source,
            "destinationReference": destination,
        }
        made = self.ask("CreatePullRequest", title="A change", targets=[target])["pullRequest"]
        self.model.pulls[made["pullRequestId"]] = Pull(source, destination, theirs, made["revisionId"])

    @precondition(lambda self: self.model.pulls)
    @rule(pick=SEEDS)
    def close_pull_request(self, pick: int) -> None:
        number, pull = self._picked(pick)
        self.ask("UpdatePullRequestStatus", pullRequestId=number, pullRequestStatus="CLOSED")
        pull.open = False

    @precondition(lambda self: self.model.pulls)
    @rule(pick=SEEDS, option=OPTIONS)
    def merge_pull_request(self, pick: int, option: str) -> None:
        number, pull = self._picked(pick)
        request: dict[str, Any] = {"pullRequestId": number, "repositoryName": NAME}
        operation = f"MergePullRequestBy{option}"
        if not pull.open:
            self._refused(operation, {"PullRequestAlreadyClosedException"}, **request)
            return
        theirs, ours = self.tip(pull.source), self.tip(pull.destination)
        assert theirs is not None
        assert ours is not None
        if theirs in self.model.history(ours):
            return  # nothing to merge: what AWS does then is not known
        if self._merge(operation, option, request, ours, theirs, pull.destination):
            pull.open, pull.merged = False, True

    def _picked(self, pick: int) -> tuple[str, Pull]:
        numbers = sorted(self.model.pulls)
        number = numbers[pick % len(numbers)]
        return number, self.model.pulls[number]

    # --- what must be true after each step ----------------------------------------------------

    @invariant()
    def the_branches_are_where_the_model_has_them(self) -> None:
        refs = self.desk.open(NAME).snapshot.refs.refs
        standing = {
            ref.name.decode(): ref.object_id for ref in refs if not ref.name.startswith(b"refs/moorage/")
        }
        assert standing == {f"refs/heads/{name}": tip for name, tip in self.model.branches.items()}

    @invariant()
    def every_branch_has_the_files_of_the_model(self) -> None:
        for tip in set(self.model.branches.values()):
            assert self._files_of(tip) == self.model.files[tip]

    @invariant()
    def every_pull_request_is_as_in_the_model(self) -> None:
        for number, pull in self.model.pulls.items():
            shown = self.ask("GetPullRequest", pullRequestId=number)["pullRequest"]
            (target,) = shown["pullRequestTargets"]
            assert shown["pullRequestStatus"] == ("OPEN" if pull.open else "CLOSED"), (number, pull)
            assert target["mergeMetadata"]["isMerged"] == pull.merged, (number, pull)
            if pull.open:
                assert target["sourceCommit"] == pull.source_commit
                assert (shown["revisionId"] != pull.revision) == pull.moved, (number, pull)
                pull.revision, pull.moved = shown["revisionId"], False

    @invariant()
    def git_finds_no_fault(self) -> None:
        with self.desk.open(NAME).reading() as cached:
            done = subprocess.run(
                ["git", "--git-dir", str(cached), "fsck", "--strict", "--no-dangling", "--no-progress"],
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr + done.stdout

    # --- helping ------------------------------------------------------------------------------

    def _branch(self, pick: int) -> str:
        """Return one of the branches that there are."""
        names = sorted(self.model.branches)
        return names[pick % len(names)]

    def _refused(self, operation: str, errors: set[str], **request: Any) -> None:
        with pytest.raises(Fault) as caught:
            self.ask(operation, **request)
        assert caught.value.code in errors

    def _files_of(self, commit: str) -> Files:
        with self.desk.open(NAME).reading() as cached:
            repository = pygit2.Repository(str(cached))
            return dict(_walk(repository[commit].peel(pygit2.Tree)))


def _walk(tree: pygit2.Tree, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif isinstance(entry, pygit2.Blob):
            yield prefix + str(entry.name), entry.data


def _tree(new: NewObjects, files: Files) -> ObjectId:
    index = pygit2.Index()
    for path, text in files.items():
        index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=new.blob(text)), pygit2.enums.FileMode.BLOB))
    return ObjectId(str(index.write_tree(new.repository)))


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
