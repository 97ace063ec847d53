"""Nothing that a caller may send is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.server.compose import SERVICES
from moorage.services.call import Call
from moorage.wire.dispatch import Operation

SOURCE = Path(__file__).parents[3] / "src" / "moorage"


def text_of(*folders: str) -> str:
    return "".join(path.read_text() for folder in folders for path in sorted((SOURCE / folder).rglob("*.py")))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_member_of_every_request_is_named_by_its_service(service: str) -> None:
    text = text_of(f"services/{service}", "wire")

    def passed_over(operation: Operation[Call]) -> list[str]:
        members = operation.model.input_shape.members if operation.model.input_shape else ()
        return [f"{operation.name}.{member}" for member in members if f'"{member}"' not in text]

    assert [each for one in SERVICES[service].operations.values() for each in passed_over(one)] == []
