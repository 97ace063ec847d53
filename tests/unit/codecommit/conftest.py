from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from file_edits_at_hand import NAME, fill, filled
from moorage.core.names import ObjectId
from repositories_at_hand import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(tmp_path)
    yield made
    made.close()


@pytest.fixture
def tip(desk: Desk) -> ObjectId:
    """Fill repository demo with one of everything; return its commit."""
    desk.repository(NAME)
    return fill(desk)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, ObjectId]]:
    """The same, once for all tests of a module that change nothing."""
    with filled(tmp_path_factory.mktemp("untouched")) as made:
        yield made
