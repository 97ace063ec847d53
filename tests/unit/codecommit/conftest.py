from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from repositories_at_hand import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(tmp_path)
    yield made
    made.close()
