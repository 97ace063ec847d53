"""Commits that the API adds to a branch: the right parent, the new tree, one publish. No child is started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.git import trees
from moorage.git.path_names import is_read_by_git
from moorage.git.quarantine import Quarantine
from moorage.git.ref_names import HEADS, TAGS
from moorage.repos import file_edits
from moorage.repos.authoring import building
from moorage.repos.publish import Proposal
from moorage.repos.push_rules import STALE
from moorage.storage.repositories import RefChange, RepositoryRow

if TYPE_CHECKING:
    from moorage.core.principal import Caller
    from moorage.git.new_objects import NewObjects, Signature
    from moorage.git.packs import Received
    from moorage.repos.commit import Also
    from moorage.repos.file_edits import Edited, Edits
    from moorage.repos.opened import OpenRepository
    from moorage.repos.publish import Publisher


@dataclass(frozen=True, slots=True)
class CommitAsked:
    """A commit that a caller wants on a branch. `parent` None is for the first commit of all.

    With `message` empty a line is written that names what changed.
    """

    branch: RefName
    parent: ObjectId | None
    edits: Edits
    author: Signature
    message: str
    action: str  # as policies name it: codecommit:PutFile


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that stands, and what it changed."""

    commit: ObjectId
    edited: Edited


def commit_on_branch(
    publisher: Publisher, opened: OpenRepository, caller: Caller, asked: CommitAsked
) -> Committed:
    """Add a commit to a branch. In a repository without branches it makes the branch, and the default one.

    Raises:
        Fault: BranchDoesNotExistException, BranchNameIsTagNameException, InvalidBranchNameException;
            ParentCommitIdRequiredException, ParentCommitDoesNotExistException,
            ParentCommitIdOutdatedException; NoChangeException; the errors of `file_edits.apply`;
            InvalidPathException also for what git refuses in a push.
    """
    started_at_ms = publisher.started()
    begins = _begins(opened, asked)
    with building(opened) as new:
        before = trees.tree_of(new.base, asked.parent) if asked.parent is not None else None
        edited = file_edits.apply(new, before, asked.edits)
        if not edited.is_change:
            raise Fault("NoChangeException", "The commit would change nothing")
        made = new.commit(
            edited.tree,
            [asked.parent] if asked.parent is not None else [],
            author=asked.author,
            committer=asked.author,
            message=asked.message or _subject(edited),
        )
        change = RefChange(asked.branch.encode(), asked.parent or ZERO_ID, made)
        proposal = Proposal(
            caller,
            asked.action,
            (change,),
            started_at_ms,
            source="api",
            received=_checked(opened, new, edited),
            also=_still_begins(asked.branch) if begins else None,
        )
        reason = publisher.publish(opened, proposal).get(change.name)
    if reason == STALE:
        raise _outdated(asked)
    if reason is not None:
        raise Fault("InvalidBranchNameException", reason)
    return Committed(made, edited)


def _begins(opened: OpenRepository, asked: CommitAsked) -> bool:
    """Tell whether the branch is made, as the repository has none; refuse any parent but the branch's tip."""
    tip = opened.snapshot.ref(asked.branch.encode())
    if tip is None:
        _require_no_tag(opened, asked.branch)
        if opened.row.default_branch is not None or not asked.edits.puts:
            raise _no_branch(asked.branch)
    if asked.parent == tip:
        return tip is None
    if asked.parent is None:
        raise _parent_required(asked.branch)
    if not opened.has_commit(asked.parent):
        raise Fault("ParentCommitDoesNotExistException", f"Commit {asked.parent} does not exist")
    raise _outdated(asked)


def _require_no_tag(opened: OpenRepository, branch: RefName) -> None:
    name = branch.removeprefix(HEADS)
    if opened.snapshot.ref(f"{TAGS}{name}".encode()) is not None:
        raise Fault("BranchNameIsTagNameException", f"{name} is a tag; only a branch takes commits")


def _still_begins(branch: RefName) -> Also:
    """Refuse in the transaction, with the row locked, to begin a repository that another has begun."""

    def check(_: Connection, row: RepositoryRow, _now_ms: int) -> None:
        if row.default_branch is not None:
            raise _no_branch(branch)

    return check


def _no_branch(branch: RefName) -> Fault:
    return Fault("BranchDoesNotExistException", f"Branch {branch.removeprefix(HEADS)} does not exist")


def _parent_required(branch: RefName) -> Fault:
    return Fault(
        "ParentCommitIdRequiredException",
        f"Branch {branch.removeprefix(HEADS)} has commits: give the ID of its newest as parentCommitId",
    )


def _outdated(asked: CommitAsked) -> Fault:
    if asked.parent is None:
        return _parent_required(asked.branch)
    return Fault(
        "ParentCommitIdOutdatedException",
        f"{asked.parent} is not the tip of {asked.branch.removeprefix(HEADS)}; get the branch, and try"
        " again with its newest commit",
    )


def _subject(edited: Edited) -> str:
    """Return what is written where the caller gives no message."""
    done = [("Add", edited.added), ("Update", edited.updated), ("Delete", edited.deleted)]
    several = [f"{verb.lower()} {len(paths)}" for verb, paths in done if paths]
    for verb, paths in done:
        if len(paths) == 1 and len(several) == 1:
            path = next(iter(paths))
            return f"{verb} {''.join(each if each.isprintable() else '?' for each in path)}\n"
    return f"{', '.join(several).capitalize()} files\n"


def _checked(opened: OpenRepository, new: NewObjects, edited: Edited) -> Received | None:
    """Pack what is new. Where git would look into a file, it checks the pack as it does those of pushes."""
    received = new.packed()
    if received is None or not _is_read_by_git((*edited.added, *edited.updated)):
        return received
    with opened.lending() as place:
        quarantine = Quarantine(opened.cache.quarantine, place.repository / "objects", lock=place.lock)
        with quarantine:
            try:
                quarantine.receive([received.pack.read_bytes()])
            except Fault as fault:
                if fault.status >= 500:
                    raise
                raise Fault("InvalidPathException", f"Git refuses such a file: {fault.message}") from fault
    return received


def _is_read_by_git(paths: Iterable[str]) -> bool:
    return any(is_read_by_git(name) for path in paths for name in path.split("/"))
