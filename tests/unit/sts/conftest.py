from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from identities_at_hand import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation.at(tmp_path)
    yield made
    made.database.close()
