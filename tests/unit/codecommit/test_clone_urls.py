from __future__ import annotations

import pytest

from moorage.services.codecommit.clone_urls import CloneUrls


def test_each_region_has_its_own_host_below_the_domain() -> None:
    urls = CloneUrls("amazonaws.com.localhost", 8443)
    host = "git-codecommit.us-east-2.amazonaws.com.localhost"
    assert urls.https("us-east-2", "Demo") == f"https://{host}:8443/v1/repos/Demo"
    assert urls.ssh("us-east-2", "Demo") == f"ssh://{host}/v1/repos/Demo"


def test_the_usual_port_is_not_shown() -> None:
    url = CloneUrls("example.org", 443).https("eu-west-1", "Demo")
    assert url == "https://git-codecommit.eu-west-1.example.org/v1/repos/Demo"


def test_a_port_for_ssh_is_shown() -> None:
    url = CloneUrls("example.org", 443, ssh_port=2222).ssh("eu-west-1", "Demo")
    assert url == "ssh://git-codecommit.eu-west-1.example.org:2222/v1/repos/Demo"


@pytest.mark.parametrize(
    ("public_url", "https", "ssh"),
    [
        ("https://git.example.org", "https://git.example.org/v1/repos/D", "ssh://git.example.org/v1/repos/D"),
        (
            "https://git.example.org:444/",
            "https://git.example.org:444/v1/repos/D",
            "ssh://git.example.org/v1/repos/D",
        ),
        ("https://[::1]:8443", "https://[::1]:8443/v1/repos/D", "ssh://[::1]/v1/repos/D"),
    ],
)
def test_a_public_url_serves_every_region(public_url: str, https: str, ssh: str) -> None:
    urls = CloneUrls("example.org", 8443, public_url)
    assert {urls.https(region, "D") for region in ("us-east-1", "eu-west-1")} == {https}
    assert urls.ssh("us-east-1", "D") == ssh
