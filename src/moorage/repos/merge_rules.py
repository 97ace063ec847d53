"""What a caller of a merge may ask for: how to merge, what counts as a conflict, who wins it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class MergeOption(StrEnum):
    """The model's MergeOptionTypeEnum."""

    FAST_FORWARD = "FAST_FORWARD_MERGE"
    SQUASH = "SQUASH_MERGE"
    THREE_WAY = "THREE_WAY_MERGE"


class DetailLevel(StrEnum):
    """What counts as a conflict: a file that both sides changed, or lines that both sides changed."""

    FILE = "FILE_LEVEL"
    LINE = "LINE_LEVEL"


class Strategy(StrEnum):
    """Who wins a conflict: nobody, one side, or what can be merged by lines and resolved by entries."""

    NONE = "NONE"
    ACCEPT_SOURCE = "ACCEPT_SOURCE"
    ACCEPT_DESTINATION = "ACCEPT_DESTINATION"
    AUTOMERGE = "AUTOMERGE"


class Keep(StrEnum):
    """What a file's content is replaced by: the model's ReplacementTypeEnum."""

    BASE = "KEEP_BASE"
    SOURCE = "KEEP_SOURCE"
    DESTINATION = "KEEP_DESTINATION"
    NEW_CONTENT = "USE_NEW_CONTENT"


@dataclass(frozen=True, slots=True)
class Replacement:
    """One of conflictResolution's replaceContents. `mode` is a Git file mode, `content` for NEW_CONTENT."""

    keep: Keep
    content: bytes = b""
    mode: int | None = None


# What one path of conflictResolution says: replace it, delete it (None), or give it a Git file mode.
Resolution = Replacement | int | None


@dataclass(frozen=True, slots=True)
class MergeRules:
    """How to merge. `resolution` is by path (bytes, as in a tree) and only for AUTOMERGE."""

    option: MergeOption
    level: DetailLevel = DetailLevel.FILE
    strategy: Strategy = Strategy.NONE
    resolution: Mapping[bytes, Resolution] = field(default_factory=dict)
