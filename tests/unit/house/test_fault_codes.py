"""A refusal carries a name that clients know: one the AWS models declare, or one of `core.faults`."""

from __future__ import annotations

import ast
from pathlib import Path

import botocore.loaders
import pytest

from moorage.core import faults

SOURCE = Path(__file__).parents[3] / "src" / "moorage"
CONSTANTS = {value for name, value in vars(faults).items() if name.isupper()}


@pytest.fixture(scope="module")
def modelled() -> set[str]:
    loader = botocore.loaders.Loader()
    names: set[str] = set()
    for service in ("codecommit", "iam", "sts", "kms"):
        shapes = loader.load_service_model(service, "service-2")["shapes"]
        for name, shape in shapes.items():
            if shape.get("exception"):
                names |= {name, shape.get("error", {}).get("code", name)}
    return names


def spelled_codes() -> dict[str, str]:
    """Every literal first argument of `Fault(...)`, with its place."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Fault"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found[str(node.args[0].value)] = f"{path.relative_to(SOURCE)}:{node.lineno}"
    return found


def test_every_fault_has_a_name_that_clients_know(modelled: set[str]) -> None:
    unknown = {code: place for code, place in spelled_codes().items() if code not in modelled | CONSTANTS}
    assert unknown == {}
