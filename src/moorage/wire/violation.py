"""One way in which a request is not as its model demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from botocore.model import Shape

Kind = Literal["required", "min", "max", "pattern", "enum", "nul"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One member that is not as the model demands.

    `path` leads from the request to the value, with an index and `member` for a list's elements.
    `member` is the name of the nearest structure's member, `owner` that structure's shape.
    """

    kind: Kind
    path: tuple[str, ...]
    value: object
    shape: Shape
    member: str
    owner: str
    constraint: str
