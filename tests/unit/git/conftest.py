"""Real repositories for the tests of the git layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.git.handmade import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty bare repository, HEAD on main."""
    made = Repository(tmp_path / "live.git")
    made.path.mkdir()
    made.git("init", "--bare", "-q", "--initial-branch=main", str(made.path))
    return made


@pytest.fixture
def elsewhere(tmp_path: Path) -> Repository:
    """A second one: the pusher's."""
    made = Repository(tmp_path / "elsewhere.git")
    made.path.mkdir()
    made.git("init", "--bare", "-q", "--initial-branch=main", str(made.path))
    return made
