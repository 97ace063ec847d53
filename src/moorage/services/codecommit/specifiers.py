"""From a commit specifier of a request to a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.git import ref_names
from moorage.repos import revisions
from moorage.services.codecommit import names

if TYPE_CHECKING:
    import pygit2

    from moorage.core.names import ObjectId
    from moorage.repos.opened import OpenRepository
    from moorage.services.codecommit.targets import Request

# What a request without a specifier means.
HEAD: Final = "HEAD"


def form(specifier: str) -> str:
    """Return a specifier that some commit may have: a full commit id, HEAD, or the name of a ref.

    Raises:
        Fault: InvalidCommitException.
    """
    full = specifier if specifier.startswith("refs/") else f"{ref_names.TAGS}{specifier}"
    if fault := ref_names.ref_name_fault(full):
        raise Fault(
            "InvalidCommitException",
            f"{names.shown(specifier)} names no commit ({fault}): give a branch, a tag, HEAD or a full ID",
        )
    return specifier


def asked(request: Request) -> str:
    """Return the `commitSpecifier` of a request, HEAD where it has none.

    Raises:
        Fault: InvalidCommitException.
    """
    return form(request.get("commitSpecifier", HEAD))


def required(opened: OpenRepository, specifier: str, *, reader: pygit2.Repository | None = None) -> ObjectId:
    """Return the commit that a specifier names. `reader` is the repository where it is open already.

    Raises:
        Fault: CommitDoesNotExistException.
    """
    found = revisions.resolve(opened, specifier, reader=reader)
    if found is None:
        raise Fault(
            "CommitDoesNotExistException",
            f"No commit of {opened.row.name} is named {names.shown(specifier)}; a commit is named by branch,"
            " tag, HEAD or full commit ID",
        )
    return found
