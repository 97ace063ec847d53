"""Commit specifiers: how API callers name a commit (service.md section 2.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from moorage.core.names import ObjectId
from moorage.git import objects, ref_names

if TYPE_CHECKING:
    import pygit2

    from moorage.repos.opened import OpenRepository

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{40}")
_HEAD: Final = "HEAD"


def resolve(
    opened: OpenRepository, specifier: str, *, reader: pygit2.Repository | None = None
) -> ObjectId | None:
    """Return the commit that a specifier names, or None.

    A full commit id, a full ref name, HEAD, a branch or a tag; where a branch and a tag have the
    same name it is the branch. Annotated tags are followed to their commit. `reader` is the same
    repository, where the caller has it open already: to open it costs more than to look.
    """
    if _OBJECT_ID.fullmatch(specifier):
        named: ObjectId | None = ObjectId(specifier.lower())
    else:
        named = _by_name(opened, specifier)
    if named is None:
        return None
    if reader is not None:
        return objects.peel_to_commit(reader, named)
    with opened.reading() as path:
        return objects.peel_to_commit(path, named)


def branch_of(opened: OpenRepository, specifier: str) -> str | None:
    """Return the full ref name where a specifier names a branch, or None."""
    if _OBJECT_ID.fullmatch(specifier):
        return None
    for name in _candidates(opened, specifier):
        if _named(opened, name) is not None:
            return name if name.startswith(ref_names.HEADS) else None
    return None


def _by_name(opened: OpenRepository, specifier: str) -> ObjectId | None:
    found = (_named(opened, name) for name in _candidates(opened, specifier))
    return next((tip for tip in found if tip is not None), None)


def _named(opened: OpenRepository, name: str) -> ObjectId | None:
    raw = name.encode(errors="replace")
    return None if raw.startswith(ref_names.RESERVED) else opened.snapshot.ref(raw)


def _candidates(opened: OpenRepository, specifier: str) -> list[str]:
    if specifier == _HEAD:
        return [opened.row.default_branch] if opened.row.default_branch is not None else []
    if specifier.startswith("refs/"):
        return [specifier]
    return [ref_names.HEADS + specifier, ref_names.TAGS + specifier]
