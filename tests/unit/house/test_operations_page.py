"""The page of operations says what the services answer."""

from __future__ import annotations

import re
from pathlib import Path

from moorage.server import operations_page
from moorage.server.compose import SERVICES

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
AGAIN = "run: python3 -m moorage.server.operations_page > docs/operations.md"


def test_the_page_is_what_the_registries_say() -> None:
    assert PAGE.read_text() == operations_page.render(), AGAIN


def test_every_operation_of_the_models_has_one_row() -> None:
    sections = re.split(r"^## ", operations_page.render(), flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0].lower() for section in sections] == sorted(SERVICES)
    for section, name in zip(sections, sorted(SERVICES), strict=True):
        rows = dict(re.findall(r"^\| ([A-Z]\w+) \| (.+) \|$", section, re.MULTILINE))
        assert set(rows) == set(SERVICES[name].model.operation_names)
        answered = {operation for operation, answer in rows.items() if answer == "answered"}
        assert answered == set(SERVICES[name].operations)
