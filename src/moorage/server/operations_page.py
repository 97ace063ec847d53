"""Writes docs/operations.md from what each service has registered.

Run `python3 -m moorage.server.operations_page > docs/operations.md` after adding an operation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from moorage.server.compose import SERVICES

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.wire.dispatch import Service

_NAMES = {"codecommit": "CodeCommit", "iam": "IAM", "kms": "KMS", "sts": "STS"}
_HEAD = """# Operations

<!-- Made by `python3 -m moorage.server.operations_page`; a test holds it to the code. -->

Every operation of the four services whose API moorage speaks, as AWS's models list them, and what a caller
gets. What is not answered ends as AWS ends an action that it does not know: `InvalidAction` from IAM and STS,
`UnknownOperationException` from CodeCommit and KMS, with a message that says this server does not have the
operation yet. Nothing is answered that is not also done.

"""
_ANSWERED = "answered"
_UNKNOWN = "as AWS answers an unknown action"


def render() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_section(name, SERVICES[name]) for name in sorted(SERVICES))


def _section(name: str, service: Service[Call]) -> str:
    total = len(service.model.operation_names)
    lines = [f"## {_NAMES[name]}", "", f"{len(service.operations)} of {total} are answered.", ""]
    return "\n".join([*lines, "| operation | what a caller gets |", "|---|---|", *_rows(service), ""])


def _rows(service: Service[Call]) -> Iterator[str]:
    for operation in sorted(service.model.operation_names):
        yield f"| {operation} | {_ANSWERED if operation in service.operations else _UNKNOWN} |"


if __name__ == "__main__":
    sys.stdout.write(render())
