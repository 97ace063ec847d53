"""What the models demand of a request beyond its types: required, min, max, pattern and enum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import codecommit_errors
from moorage.wire.patterns import compiled
from moorage.wire.violation import Kind, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import OperationModel, Shape

_KINDS: tuple[Kind, ...] = ("nul", "min", "max", "enum", "pattern")

# Violations told at once, and characters of a caller's value that are repeated to it.
MAX_TOLD = 10
MAX_REPEATED = 256


def validate(request: Mapping[str, Any], operation: OperationModel) -> None:
    """Raise the fault AWS answers with when `request` is not as the model demands.

    Missing members come before all else, then violations in the model's order. CodeCommit has an
    error for each kind of member; the other services say ValidationError and tell all violations.
    """
    shape = operation.input_shape
    if shape is None:
        return
    found = find(request, shape)
    is_codecommit = operation.service_model.service_name == "codecommit"
    if is_codecommit:
        found = (one for one in found if not codecommit_errors.is_answered(one, operation))
    first = next(found, None)
    if first is None:
        return
    if is_codecommit:
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
    yield from _own(value, shape, at)
    if shape.type_name == "structure":
        yield from _structure(value, shape, at.path)
    elif shape.type_name == "list" and shape.member.type_name == "string":
        yield from _texts(value, shape.member, at)
    elif shape.type_name == "list":
        for index, element in enumerate(value, 1):
            yield from _any(element, shape.member, at.within(str(index), "member"))
    elif shape.type_name == "map":
        for key, element in value.items():
            yield from _any(key, shape.key, at.within("key"))
            yield from _any(element, shape.value, at.within("value"))


def _texts(value: list[str], member: Shape, at: _At) -> Iterator[Violation]:
    """A list of texts is told as one, with every rule that its elements have."""
    broken = next((found for text in value for found in _own(text, member, at)), None)
    if broken is not None:
        # AWS names the upper bound first here.
        rules: tuple[Kind, ...] = ("nul",) if broken.kind == "nul" else ("max", "min", "pattern", "enum")
        told = ", ".join(_rule(kind, member) for kind in rules if kind == "nul" or kind in member.metadata)
        yield at.violation(broken.kind, value, member, f"Member must satisfy constraint: [{told}]")


def _own(value: Any, shape: Shape, at: _At) -> Iterator[Violation]:
    """Yield the rules of its own shape that a value breaks."""
    for kind in _KINDS:
        if _breaks(kind, value, shape):
            yield at.violation(kind, value, shape, _rule(kind, shape))


def _breaks(kind: Kind, value: Any, shape: Shape) -> bool:
    if kind == "nul":
        # No text of any service may hold it: neither XML, Git nor a SQL text can carry it.
        return isinstance(value, str) and "\0" in value
    if kind not in shape.metadata:
        return False
    limit = shape.metadata[kind]
    if kind == "enum":
        return value not in limit
    if kind == "pattern":
        return compiled(limit).fullmatch(value) is None
    size = value if isinstance(value, int) else len(value)
    return bool(size < limit if kind == "min" else size > limit)


def _rule(kind: Kind, shape: Shape) -> str:
    """Return a rule of a shape in AWS's words."""
    if kind == "nul":
        return "Member must not contain the character U+0000"
    limit = shape.metadata[kind]
    if kind == "enum":
        return f"Member must satisfy enum value set: [{', '.join(limit)}]"
    if kind == "pattern":
        return f"Member must satisfy regular expression pattern: {limit}"
    what = "value" if shape.type_name in {"integer", "long"} else "length"
    return f"Member must have {what} {'greater' if kind == 'min' else 'less'} than or equal to {limit}"


def _sentence(violation: Violation) -> str:
    """Return what AWS says of a violation: Value '…' at '…' failed to satisfy constraint: …."""
    place = ".".join(part[:1].lower() + part[1:] for part in violation.path)
    return f"{_repeated(violation)} at '{place}' failed to satisfy constraint: {violation.constraint}"


def _repeated(violation: Violation) -> str:
    value = violation.value
    if violation.kind == "required":
        return "Value null"
    if violation.shape.metadata.get("sensitive") or isinstance(value, bytes):
        return "Value"
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return f"Value '{text if len(text) <= MAX_REPEATED else text[:MAX_REPEATED] + '…'}'"
