"""What the models demand of a request beyond its types: required, min, max, pattern and enum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import codecommit_errors
from moorage.wire.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import OperationModel, Shape

Kind = Literal["required", "min", "max", "pattern", "enum", "nul"]

# Violations told at once, and characters of a caller's value that are repeated to it.
MAX_TOLD = 10
MAX_REPEATED = 256


@dataclass(frozen=True, slots=True)
class Violation:
    """One member that is not as the model demands.

    `path` leads from the request to the value, with `member` and an index for a list's elements.
    `member` is the name of the nearest structure's member, `owner` that structure's shape.
    """

    kind: Kind
    path: tuple[str, ...]
    value: object
    shape: Shape
    member: str
    owner: str
    constraint: str


def validate(request: Mapping[str, Any], operation: OperationModel) -> None:
    """Raise the fault AWS answers with when `request` is not as the model demands.

    Missing members come before all else, then violations in the model's order. CodeCommit has an
    error for each kind of member; the other services say ValidationError and tell all violations.
    """
    shape = operation.input_shape
    if shape is None:
        return
    found = find(request, shape)
    first = next(found, None)
    if first is None:
        return
    if operation.service_model.service_name == "codecommit":
        every = [first, *found]
        worst = next((one for one in every if one.kind == "required"), first)
        code, sentence = codecommit_errors.name(worst, operation), _sentence(worst)
        raise Fault(code, sentence)
    told = [first]
    told += [violation for violation, _ in zip(found, range(MAX_TOLD - 1), strict=False)]
    count = f"{len(told)} validation error{'s' if len(told) > 1 else ''} detected: "
    raise Fault(faults.VALIDATION_ERROR, count + "; ".join(_sentence(one) for one in told))


def find(request: Mapping[str, Any], shape: Shape) -> Iterator[Violation]:
    """Yield the violations of a request, in the model's order."""
    return _structure(request, shape, ())


def _structure(value: Mapping[str, Any], shape: Shape, path: tuple[str, ...]) -> Iterator[Violation]:
    required = set(shape.required_members)
    for name, member in shape.members.items():
        at = _At((*path, name), name, shape.name)
        if name in value:
            yield from _any(value[name], member, at)
        elif name in required:
            yield at.violation("required", None, member, "Member must not be null")


@dataclass(frozen=True, slots=True)
class _At:
    """Where in a request a value stands."""

    path: tuple[str, ...]
    member: str
    owner: str

    def within(self, *parts: str) -> _At:
        return _At((*self.path, *parts), self.member, self.owner)

    def violation(self, kind: Kind, value: object, shape: Shape, constraint: str) -> Violation:
        return Violation(kind, self.path, value, shape, self.member, self.owner, constraint)


def _any(value: Any, shape: Shape, at: _At) -> Iterator[Violation]:
    yield from _size(value, shape, at)
    if shape.type_name == "structure":
        yield from _structure(value, shape, at.path)
    elif shape.type_name == "list":
        for index, element in enumerate(value, 1):
            yield from _any(element, shape.member, at.within("member", str(index)))
    elif shape.type_name == "map":
        for key, element in value.items():
            yield from _any(key, shape.key, at.within("key"))
            yield from _any(element, shape.value, at.within("value"))
    elif shape.type_name == "string":
        yield from _string(value, shape, at)


def _size(value: Any, shape: Shape, at: _At) -> Iterator[Violation]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return
    sized, what = (value, "value") if isinstance(value, int) else (len(value), "length")
    if least is not None and sized < least:
        yield at.violation("min", value, shape, f"Member must have {what} greater than or equal to {least}")
    if most is not None and sized > most:
        yield at.violation("max", value, shape, f"Member must have {what} less than or equal to {most}")


def _string(value: str, shape: Shape, at: _At) -> Iterator[Violation]:
    metadata = shape.metadata
    if "\0" in value:
        # No text of any service may hold it: neither XML, Git nor a SQL text can carry it.
        yield at.violation("nul", value, shape, "Member must not contain the character U+0000")
    if "enum" in metadata and value not in metadata["enum"]:
        allowed = ", ".join(metadata["enum"])
        yield at.violation("enum", value, shape, f"Member must satisfy enum value set: [{allowed}]")
    pattern = metadata.get("pattern")
    if pattern is not None and compiled(pattern).fullmatch(value) is None:
        yield at.violation(
            "pattern", value, shape, f"Member must satisfy regular expression pattern: {pattern}"
        )


def _sentence(violation: Violation) -> str:
    """Return what AWS says of a violation: Value '…' at '…' failed to satisfy constraint: …."""
    place = ".".join([violation.path[0][:1].lower() + violation.path[0][1:], *violation.path[1:]])
    return f"{_repeated(violation)} at '{place}' failed to satisfy constraint: {violation.constraint}"


def _repeated(violation: Violation) -> str:
    value = violation.value
    if violation.kind == "required":
        return "Value null"
    if violation.shape.metadata.get("sensitive") or isinstance(value, bytes):
        return "Value"
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return f"Value '{text if len(text) <= MAX_REPEATED else text[:MAX_REPEATED] + '…'}'"
