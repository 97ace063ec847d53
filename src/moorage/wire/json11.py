"""The AWS JSON 1.1 protocol: CodeCommit and KMS."""

from __future__ import annotations

import base64
import binascii
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import answers
from moorage.wire.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel, ServiceModel, Shape

CONTENT_TYPE = "application/x-amz-json-1.1"
WORDING = answers.JSON_WORDING

# Largest magnitude of a number shape, in bits without the sign.
INTEGER_BITS: Final = {"integer": 31, "long": 63}


def parse(body: bytes, operation: OperationModel) -> dict[str, Any]:
    """Return the members of a request's body that the model knows, as Python values.

    Blobs become bytes, timestamps become datetimes with a zone. Members the model does not know and
    members that are null are left out. An empty body counts as an empty object.

    Raises:
        Fault: SerializationException, for a body that is not JSON or has values of wrong types.
    """
    value = _loaded(body) if body else {}
    if operation.input_shape is None:
        return {}
    parsed: dict[str, Any] = _structure(value, operation.input_shape)
    return parsed


def _loaded(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # ValueError also covers bytes that are no UTF-8 and integers of thousands of digits.
        raise Fault(faults.SERIALIZATION, "The request body is not valid JSON.") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(name)  # NaN and Infinity, which JSON has not


_SCALARS: Final[dict[str, str]] = {
    "bool": "BOOLEAN_VALUE",
    "str": "STRING_VALUE",
    "int": "NUMBER_VALUE",
    "float": "NUMBER_VALUE",
    "NoneType": "NULL_VALUE",
}


def _unfit(value: object, wanted: str) -> Fault:
    if isinstance(value, dict):
        return Fault(faults.SERIALIZATION, "Start of structure or map found where not expected.")
    if isinstance(value, list):
        return Fault(faults.SERIALIZATION, "Start of list found where not expected.")
    found = _SCALARS[type(value).__name__]
    return Fault(faults.SERIALIZATION, f"{found} can not be converted to {wanted}.")


def _value(value: object, shape: Shape) -> Any:
    return _PARSERS[shape.type_name](value, shape)


def _structure(value: object, shape: Shape) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unfit(value, "a structure")
    return {
        name: _value(value[name], member)
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _list(value: object, shape: Shape) -> list[Any]:
    if not isinstance(value, list):
        raise _unfit(value, "a list")
    return [_value(element, shape.member) for element in value]


def _map(value: object, shape: Shape) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unfit(value, "a map")
    return {_string(key, shape.key): _value(element, shape.value) for key, element in value.items()}


def _string(value: object, _shape: Shape) -> str:
    if not isinstance(value, str):
        raise _unfit(value, "a String")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Fault(faults.SERIALIZATION, "A string holds half of a surrogate pair.") from None
    return value


def _integer(value: object, shape: Shape) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unfit(value, f"a {shape.type_name.capitalize()}")
    if not -(1 << INTEGER_BITS[shape.type_name]) <= value < 1 << INTEGER_BITS[shape.type_name]:
        raise Fault(faults.SERIALIZATION, f"A number is out of the range of {shape.type_name.capitalize()}.")
    return value


def _boolean(value: object, _shape: Shape) -> bool:
    if not isinstance(value, bool):
        raise _unfit(value, "a Boolean")
    return value


def _blob(value: object, _shape: Shape) -> bytes:
    if not isinstance(value, str):
        raise _unfit(value, "a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Fault(faults.SERIALIZATION, "A blob is not valid base64.") from None


def _timestamp(value: object, _shape: Shape) -> datetime:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _unfit(value, "a Timestamp")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise Fault(faults.SERIALIZATION, "A timestamp is out of range.") from None


_PARSERS: Final[dict[str, Callable[[object, Shape], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}


def render(result: Mapping[str, object] | None, operation: OperationModel, request_id: str) -> Answer:
    """Return the answer for a handler's result; an operation without an output has an empty body.

    Members that are None are left out.

    Raises:
        ValueError: the result has a member that the model has not (a bug of the handler).
    """
    sent = answers.headers(CONTENT_TYPE, request_id)
    if operation.output_shape is None:
        return Answer(200, sent, b"")
    return Answer(200, sent, _dumped(_rendered(result or {}, operation.output_shape)))


# JSON has these as Python has them: not to be looked at one by one makes long lists twice as fast.
_AS_IT_IS: Final = frozenset({"string", "integer", "long", "boolean", "float", "double"})


def _rendered(value: Any, shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "structure":
        require_members(value, shape)
        members = shape.members
        return {
            name: each if members[name].type_name in _AS_IT_IS else _rendered(each, members[name])
            for name, each in value.items()
            if each is not None
        }
    if kind == "list":
        return [_rendered(element, shape.member) for element in value]
    if kind == "map":
        return {key: _rendered(element, shape.value) for key, element in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode("ascii")
    if kind == "timestamp":
        return epoch_seconds(value)
    return value


def require_members(value: Mapping[str, object], shape: Shape) -> None:
    """Raise ValueError when a result has members that its shape has not."""
    unknown = value.keys() - shape.members.keys()
    if unknown:
        raise ValueError(f"{shape.name} has no member {', '.join(sorted(unknown))}")


def epoch_seconds(moment: datetime) -> int | float:
    """Return Unix time in seconds, to the millisecond, as AWS sends it."""
    seconds = moment.timestamp()
    return int(seconds) if math.floor(seconds) == seconds else round(seconds, 3)


def _dumped(value: object) -> bytes:
    # Git's texts may hold bytes that are no UTF-8; a stand-in is better than no answer.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def render_fault(fault: Fault, service: ServiceModel, request_id: str) -> Answer:
    """Return the answer for a refusal, named and with the status that the model or AWS gives it."""
    code, status = _named(fault, service)
    content: dict[str, object] = {"__type": code}
    if fault.message:
        content["message"] = fault.message
    sent = [*answers.headers(CONTENT_TYPE, request_id, status), ("x-amzn-ErrorType", code)]
    return Answer(status, sent, _dumped(content))


def _named(fault: Fault, service: ServiceModel) -> tuple[str, int]:
    wording = WORDING.get(fault.code)
    if wording is not None:
        return wording.code, wording.status or fault.status
    if fault.code in service.shape_names:
        # A modelled error is 400 whatever the fault says, unless the service is to blame.
        return fault.code, 500 if service.shape_for(fault.code).metadata.get("fault") else 400
    return fault.code, fault.status
