from __future__ import annotations

import pytest

from moorage.server.connection_lines import Endpoints, for_start_page

LOCAL = Endpoints("amazonaws.com.localhost", 8443, "https://localhost:8443", None)
PUBLIC = Endpoints("git.example.org", 443, "https://git.example.org", "https://git.example.org")


@pytest.mark.parametrize(
    ("found", "own_ca", "setup"),
    [
        (LOCAL, True, "moorage setup https://localhost:8443 --ca moorage-ca.pem"),
        (PUBLIC, False, "moorage setup https://git.example.org"),
    ],
)
def test_the_start_page_tells_how_moorage_sets_git_up(found: Endpoints, own_ca: bool, setup: str) -> None:
    lines = [each.line for each in for_start_page(found, "eu-west-1", own_ca=own_ca)]
    assert setup in lines
    assert any("moorage-ca.pem" in line for line in lines) == own_ca  # the file that the first line fetches
