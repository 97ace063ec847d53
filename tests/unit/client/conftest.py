from __future__ import annotations

from collections.abc import Iterator

import pytest

from pretended_aws import PretendedAws, pretending


@pytest.fixture(scope="module")
def pretended() -> Iterator[PretendedAws]:
    with pretending() as up:
        yield up


@pytest.fixture
def aws(pretended: PretendedAws) -> PretendedAws:
    """AWS, asked for nothing yet."""
    pretended.forget()
    return pretended
