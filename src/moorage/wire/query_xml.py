"""XML answers of the Query protocol."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moorage.wire import query_values
from moorage.wire.json11 import require_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape

# What XML 1.0 cannot hold in any form. A parser refuses the whole answer for one of them.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A bare carriage return would be read back as a newline.
_ESCAPES = {"\r": "&#xD;"}


def text(value: str) -> str:
    """Return a text as the content of an element."""
    return escape(_UNWRITABLE.sub("\ufffd", value), _ESCAPES)


def element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def response(result: Mapping[str, object], operation: OperationModel, request_id: str) -> bytes:
    """Return the answer of an operation, its result in the wrapper that the model names."""
    content = ""
    shape = operation.output_shape
    if shape is not None:
        content = element(shape.serialization["resultWrapper"], _content(result, shape))
    content += element("ResponseMetadata", element("RequestId", text(request_id)))
    namespace = operation.service_model.metadata["xmlNamespace"]
    name = f"{operation.name}Response"
    return f'<{name} xmlns="{namespace}">{content}</{name}>\n'.encode()


def error(code: str, message: str, *, namespace: str, status: int, request_id: str) -> bytes:
    """Return the answer of a refusal."""
    at_fault = "Receiver" if status >= 500 else "Sender"
    described = element("Type", at_fault) + element("Code", text(code)) + element("Message", text(message))
    content = element("Error", described) + element("RequestId", text(request_id))
    return f'<ErrorResponse xmlns="{namespace}">{content}</ErrorResponse>\n'.encode()


def _content(value: Any, shape: Shape) -> str:
    kind = shape.type_name
    if kind == "structure":
        require_members(value, shape)
        # In the model's order, as AWS sends them.
        return "".join(
            element(name, _content(value[name], member))
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if kind == "list":
        return "".join(element("member", _content(item, shape.member)) for item in value)
    if kind == "map":
        return "".join(element("entry", _entry(key, item, shape)) for key, item in value.items())
    return text(query_values.render(value, kind))


def _entry(key: str, value: object, shape: Shape) -> str:
    return element("key", text(key)) + element("value", _content(value, shape.value))
