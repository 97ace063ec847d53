from __future__ import annotations

import pytest

from moorage.services.codecommit.clone_urls import CloneUrls, SshPlace


def test_each_region_has_its_own_host_below_the_domain() -> None:
    urls = CloneUrls("amazonaws.com.localhost", 8443)
    host = "git-codecommit.us-east-2.amazonaws.com.localhost"
    assert urls.https("us-east-2", "Demo") == f"https://{host}:8443/v1/repos/Demo"
    assert urls.ssh("us-east-2", "Demo") == f"ssh://{host}/v1/repos/Demo"


def test_the_usual_port_is_not_shown() -> None:
    url = CloneUrls("example.org", 443).https("eu-west-1", "Demo")
    assert url == "https://git-codecommit.eu-west-1.example.org/v1/repos/Demo"


def test_a_port_for_ssh_is_shown() -> None:
    url = CloneUrls("example.org", 443, ssh_places=(SshPlace(2222, "eu-west-1"),)).ssh("eu-west-1", "Demo")
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


def test_a_port_of_its_own_needs_no_region_in_the_path_and_a_common_one_does() -> None:
    places = (SshPlace(22), SshPlace(2222, "eu-west-1"))
    urls = CloneUrls("example.org", 443, ssh_places=places)
    assert urls.ssh("eu-west-1", "Demo") == "ssh://git-codecommit.eu-west-1.example.org:2222/v1/repos/Demo"
    assert urls.ssh("us-east-2", "Demo") == (
        "ssh://git-codecommit.us-east-2.example.org/us-east-2/v1/repos/Demo"
    )


def test_for_ssh_a_domain_below_localhost_is_localhost() -> None:
    urls = CloneUrls("amazonaws.com.localhost", 8443, ssh_places=(SshPlace(2222, "us-east-2"),))
    assert urls.ssh("us-east-2", "Demo") == "ssh://localhost:2222/v1/repos/Demo"
    # Of a region that no port serves, what AWS would say.
    assert urls.ssh("eu-west-1", "Demo") == (
        "ssh://git-codecommit.eu-west-1.amazonaws.com.localhost/v1/repos/Demo"
    )
