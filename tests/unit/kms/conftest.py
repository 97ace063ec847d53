from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms_at_hand import KmsDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[KmsDesk]:
    """The desk of the account's root user."""
    made = KmsDesk.at(tmp_path)
    yield made
    made.close()
