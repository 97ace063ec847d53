"""What requests for merges have in common: their form, their rules, the commits they name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moorage.core.faults import Fault
from moorage.core.names import ObjectId
from moorage.repos.authorship import signature
from moorage.repos.merge_rules import DetailLevel, MergeOption, MergeRules, Strategy
from moorage.repos.merging import MergeAsked
from moorage.services.codecommit import authors, conflict_resolution, specifiers

if TYPE_CHECKING:
    from moorage.git.new_objects import Signature
    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request


@dataclass(frozen=True, slots=True)
class Commits:
    """The two commits of a merge."""

    destination: ObjectId
    source: ObjectId


def checked_specifiers(request: Request) -> None:
    """Check the form of both specifiers.

    Raises:
        Fault: InvalidCommitException.
    """
    specifiers.form(request["sourceCommitSpecifier"])
    specifiers.form(request["destinationCommitSpecifier"])


def checked_merge(request: Request) -> None:
    """Check the form of all that a merge commit is made of.

    Raises:
        Fault: the errors of `checked_specifiers`, `conflict_resolution.resolution` and `authors`.
    """
    checked_specifiers(request)
    authors.checked_author(request)
    conflict_resolution.resolution(request)


def commits(opened: OpenRepository, request: Request) -> Commits:
    """Find the two commits.

    Raises:
        Fault: CommitDoesNotExistException.
    """
    return Commits(
        destination=specifiers.required(opened, request["destinationCommitSpecifier"]),
        source=specifiers.required(opened, request["sourceCommitSpecifier"]),
    )


def rules(request: Request, option: MergeOption) -> MergeRules:
    """Return how to merge, as a request says."""
    return MergeRules(
        option,
        DetailLevel(request.get("conflictDetailLevel", DetailLevel.FILE)),
        Strategy(request.get("conflictResolutionStrategy", Strategy.NONE)),
        conflict_resolution.resolution(request),
    )


def content_option(request: Request) -> MergeOption:
    """Return the merge option of an operation that a fast-forward has no place in.

    Raises:
        Fault: InvalidMergeOptionException.
    """
    option = MergeOption(request["mergeOption"])
    if option is MergeOption.FAST_FORWARD:
        raise Fault(
            "InvalidMergeOptionException",
            "A fast-forward merge makes no commit and has no conflicts; give SQUASH_MERGE or THREE_WAY_MERGE",
        )
    return option


def asked(call: Call, request: Request, found: Commits, option: MergeOption) -> MergeAsked:
    """Return the merge that a request asks for, made by its caller now."""
    return MergeAsked(
        found.destination,
        found.source,
        rules(request, option),
        author(call, request),
        request.get("commitMessage") or _message(request, option),
        keep_empty_folders=bool(request.get("keepEmptyFolders", False)),
    )


def author(call: Call, request: Request) -> Signature:
    """Return who writes the merge commit: as given, else the caller."""
    now = datetime.fromtimestamp(call.publisher.started() // 1_000, UTC)
    return signature(call.caller, request.get("authorName"), request.get("email"), now)


def _message(request: Request, option: MergeOption) -> str:
    """Return the message of a merge that was given none: AWS does not say what it writes."""
    source, destination = request["sourceCommitSpecifier"], request["destinationCommitSpecifier"]
    if option is MergeOption.SQUASH:
        return f"Squashed commit of {_short(source)}\n"
    return f"Merge {_short(source)} into {_short(destination)}\n"


def _short(specifier: str) -> str:
    return specifier.removeprefix("refs/heads/").removeprefix("refs/tags/")


def shared(found: Commits, base: ObjectId | None) -> dict[str, str]:
    """Return the members with which answers name the commits; there is no base of unrelated ones."""
    named: Iterable[tuple[str, ObjectId | None]] = (
        ("sourceCommitId", found.source),
        ("destinationCommitId", found.destination),
        ("baseCommitId", base),
    )
    return {name: commit for name, commit in named if commit is not None}
