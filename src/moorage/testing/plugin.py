"""The pytest plugin `moorage`: two fixtures, imported by pytest wherever moorage is installed.

`moorage_server` is one server for the whole session; `moorage` is the same server, emptied before the
test. Nothing of the service is imported before a test asks for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from moorage.testing import Server


@pytest.fixture(scope="session")
def moorage_server() -> Iterator[Server]:
    """A moorage that serves for the whole session; see `moorage.testing.Server`."""
    from moorage.testing import server  # noqa: PLC0415 -- the service is slow to import

    with server() as running:
        yield running


@pytest.fixture
def moorage(moorage_server: Server) -> Server:
    """The session's moorage, empty: one account, its root user, nothing else."""
    moorage_server.reset()
    return moorage_server
