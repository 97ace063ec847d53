from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codecommit_at_hand import local_repository
from repository_at_hand import Node, a_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with an empty repository named Demo."""
    made = a_node(tmp_path)
    made.repositories.create(made.caller, "Demo")
    yield made
    made.database.close()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A local repository with two commits on main."""
    folder = tmp_path / "local"
    local_repository(folder)
    return folder
