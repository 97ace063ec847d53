"""The form of what a caller names: checked before rights are looked up and before anything is read.

Each function returns what it was given in the form the rest of moorage uses, or raises the error
that the model has for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

from moorage.core.faults import Fault
from moorage.core.names import ObjectId, RefName
from moorage.git import ref_names

# Source: "Quotas in AWS CodeCommit", repository names and descriptions, tags.
_REPOSITORY_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
DESCRIPTION_LIMIT = 1_000
BATCH_LIMIT = 100  # Source: the text of MaximumRepositoryNamesExceededException.
TAG_LIMIT = 50
TAG_KEY_LIMIT = 128
TAG_VALUE_LIMIT = 256
_TAG_PUNCTUATION = frozenset("+-=._:/@")
SYSTEM_TAG_PREFIX = "aws:"

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{40}")


def repository(name: str) -> str:
    """Return a repository's name.

    `.` and `..` are refused although AWS's pattern has them: every HTTP client folds them out of
    a clone URL's path.

    Raises:
        Fault: InvalidRepositoryNameException.
    """
    if not _REPOSITORY_NAME.fullmatch(name) or name.endswith(".git") or name in {".", ".."}:
        raise Fault(
            "InvalidRepositoryNameException",
            f"{shown(name)} is not a valid repository name: 1 to 100 letters, digits, periods, underscores"
            " and hyphens, not ending in .git",
        )
    return name


def few_repositories(given: Sequence[str]) -> Sequence[str]:
    """Return the names of a batch, whatever they are: there are some, and not too many.

    Raises:
        Fault: RepositoryNamesRequiredException or MaximumRepositoryNamesExceededException.
    """
    if not given:
        raise Fault("RepositoryNamesRequiredException", "At least one repository name is required")
    if len(given) > BATCH_LIMIT:
        raise Fault(
            "MaximumRepositoryNamesExceededException",
            f"{len(given)} repository names were given; at most {BATCH_LIMIT} are allowed",
        )
    return given


def branch(name: str) -> RefName:
    """Return a branch's full ref name.

    Raises:
        Fault: InvalidBranchNameException.
    """
    if fault := ref_names.branch_name_fault(name):
        raise Fault("InvalidBranchNameException", f"{shown(name)} is not a valid branch name: {fault}")
    return RefName(f"refs/heads/{name}")


def commit(object_id: str) -> ObjectId:
    """Return a full commit id in Git's own form; neither short ids nor names of branches are ids.

    Raises:
        Fault: InvalidCommitIdException.
    """
    if not _OBJECT_ID.fullmatch(object_id):
        raise Fault("InvalidCommitIdException", f"{shown(object_id)} is not a full commit ID")
    return ObjectId(object_id.lower())


def parent(object_id: str) -> ObjectId:
    """Return the full id of a parent commit.

    Raises:
        Fault: InvalidParentCommitIdException.
    """
    if not _OBJECT_ID.fullmatch(object_id):
        raise Fault("InvalidParentCommitIdException", f"{shown(object_id)} is not a full commit ID")
    return ObjectId(object_id.lower())


def blob(object_id: str) -> ObjectId:
    """Return the full id of a blob.

    Raises:
        Fault: InvalidBlobIdException.
    """
    if not _OBJECT_ID.fullmatch(object_id):
        raise Fault("InvalidBlobIdException", f"{shown(object_id)} is not a full blob ID")
    return ObjectId(object_id.lower())


def description(text: str) -> str | None:
    """Return a description, None for an empty one. Any Unicode text will do, except U+0000.

    Raises:
        Fault: InvalidRepositoryDescriptionException.
    """
    if len(text) > DESCRIPTION_LIMIT or not is_storable(text):
        raise Fault(
            "InvalidRepositoryDescriptionException",
            f"A description has at most {DESCRIPTION_LIMIT} characters, none of them U+0000",
        )
    return text or None


def tags(given: Mapping[str, str]) -> dict[str, str]:
    """Return tags by key.

    Raises:
        Fault: TooManyTagsException, InvalidSystemTagUsageException or InvalidTagsMapException.
    """
    _require_no_system_tag(given)
    _require_few(given)
    for key, value in given.items():
        if not _is_tag_key(key) or len(value) > TAG_VALUE_LIMIT or not _has_tag_characters(value):
            raise Fault(
                "InvalidTagsMapException",
                f"The tag {shown(key)} is not valid: a key has 1 to {TAG_KEY_LIMIT} and a value at most"
                f" {TAG_VALUE_LIMIT} letters, digits, spaces and {' '.join(sorted(_TAG_PUNCTUATION))}",
            )
    return dict(given)


def tag_keys(given: list[str]) -> list[str]:
    """Return the keys of tags to remove.

    Raises:
        Fault: TagKeysListRequiredException, TooManyTagsException, InvalidSystemTagUsageException
            or InvalidTagKeysListException.
    """
    if not given:
        raise Fault("TagKeysListRequiredException", "A list of tag keys is required; it cannot be empty")
    _require_no_system_tag(given)
    _require_few(set(given))
    for key in given:
        if not _is_tag_key(key):
            raise Fault("InvalidTagKeysListException", f"{shown(key)} is not a valid tag key")
    return given


def _require_no_system_tag(keys: Iterable[str]) -> None:
    for key in keys:
        if key.lower().startswith(SYSTEM_TAG_PREFIX):
            raise Fault(
                "InvalidSystemTagUsageException",
                f"The tag key {shown(key)} begins with aws:, which is AWS's own",
            )


def _require_few(keys: Collection[str]) -> None:
    if len(keys) > TAG_LIMIT:
        raise Fault("TooManyTagsException", f"A repository can have at most {TAG_LIMIT} tags")


def _is_tag_key(key: str) -> bool:
    return 1 <= len(key) <= TAG_KEY_LIMIT and _has_tag_characters(key)


def _has_tag_characters(text: str) -> bool:
    return all(
        character in _TAG_PUNCTUATION or unicodedata.category(character)[0] in "LNZ" for character in text
    )


def is_storable(text: str) -> bool:
    """Tell whether every database can hold the text: JSON can spell what UTF-8 and PostgreSQL cannot."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def shown(text: str) -> str:
    """Return what the caller sent, as a message may repeat it: short, and valid text."""
    short = text if len(text) <= 100 else f"{text[:100]}…"
    return short.encode("utf-8", "replace").decode()
