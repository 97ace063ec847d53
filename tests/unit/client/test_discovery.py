from __future__ import annotations

import json
from typing import Any

import pytest

from moorage.client.discovery import NotDiscovered, SshPort, base_of, discover, parsed
from moorage.edge.discovery import Surroundings, document

BASE = "https://localhost:8443"
DOMAIN = "amazonaws.com.localhost"


def served(**changes: Any) -> bytes:
    """The document of a service on this machine, with changes."""
    found = Surroundings(
        domain=DOMAIN,
        default_region="us-east-2",
        api=BASE,
        clone_url_prefixes={
            region: f"https://git-codecommit.{region}.{DOMAIN}:8443/v1/repos/"
            for region in ("us-east-2", "eu-west-1")
        },
        ca=f"{BASE}/ca.pem",
        aws_names_ca=f"{BASE}/aws-names-ca.pem",
        ssh=[(2222, None), (2223, "eu-west-1")],
    )
    return json.dumps(json.loads(document(found)) | changes).encode()


def test_what_the_server_tells_is_what_the_client_learns() -> None:
    found = parsed(served(), BASE)
    assert (found.domain, found.default_region, found.regions) == (
        DOMAIN,
        "us-east-2",
        ("eu-west-1", "us-east-2"),
    )
    assert (
        found.clone_url_prefixes["eu-west-1"] == f"https://git-codecommit.eu-west-1.{DOMAIN}:8443/v1/repos/"
    )
    assert found.endpoints == dict.fromkeys(("codecommit", "iam", "kms", "sts"), BASE)
    assert found.ssh == (SshPort(2222, None), SshPort(2223, "eu-west-1"))
    assert (found.ca, found.aws_names_ca) == ("/ca.pem", "/aws-names-ca.pem")


def test_members_of_another_time_are_no_trouble() -> None:
    assert parsed(served(a_new_member={"x": [1]}, ca=None, aws_names=None), BASE).ca is None


@pytest.mark.parametrize(
    "domain", ["amazonaws.com", "x.amazonaws.com", "amazonaws.com.cn", "api.aws", "Amazonaws.com"]
)
def test_a_server_does_not_speak_for_aws(domain: str) -> None:
    with pytest.raises(NotDiscovered):
        parsed(served(domain=domain), BASE)


def test_a_service_with_a_domain_of_its_own_is_set_up_by_each_of_its_names() -> None:
    domain = "aws.example.org"
    api = f"https://{domain}:443"
    prefix = f"https://git-codecommit.us-east-2.{domain}/v1/repos/"
    content = document(Surroundings(domain, "us-east-2", api, {"us-east-2": prefix}))
    for url in (
        prefix + "demo",
        f"https://{domain}",
        f"https://sts.us-east-2.{domain}",
        f"https://iam.{domain}",
    ):
        found = parsed(content, base_of(url))
        assert (found.endpoints["sts"], found.clone_url_prefixes["us-east-2"]) == (api, prefix)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example.org", "aws.example.org.evil.example", "localhost"]
)
def test_only_a_name_of_a_domain_speaks_for_the_domain(host: str) -> None:
    domain = "aws.example.org"
    prefix = f"https://git-codecommit.us-east-2.{domain}"
    content = document(
        Surroundings(domain, "us-east-2", f"https://{host}", {"us-east-2": f"{prefix}/v1/repos/"})
    )
    with pytest.raises(
        NotDiscovered, match=f"calls itself {prefix}: set up that URL instead, if it is yours"
    ):
        parsed(content, f"https://{host}")


def test_only_a_name_of_a_domain_says_where_its_apis_are() -> None:
    base = "https://evil.example"
    content = document(
        Surroundings(
            "aws.example.org", "us-east-2", "https://aws.example.org", {"us-east-2": f"{base}/v1/repos/"}
        )
    )
    with pytest.raises(NotDiscovered, match=r"calls itself https://aws\.example\.org:"):
        parsed(content, base)


PREFIXES = "clone_url_prefixes"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/v1/repos/",
        "https://git-codecommit.us-east-2.amazonaws.com/v1/repos/",
        "http://git.example.org/v1/repos/",
        f"https://codecommit.us-east-2.{DOMAIN}.evil.example/v1/repos/",
        "https://evil.example\n/v1/repos/",
        "https://git.example.org/v1/repos/../x/v1/repos/",
        "https://user@git.example.org/v1/repos/",
        "https://git.example.org/elsewhere/",
    ],
)
def test_a_server_does_not_send_clones_to_a_third_host(url: str) -> None:
    base = "https://git.example.org"
    names = {
        "domain": "aws.example.org",
        "endpoints": dict.fromkeys(("codecommit", "iam", "kms", "sts"), base),
    }
    ours = {"regions": ["us-east-2"], "ca": None, "aws_names": None, **names}
    assert parsed(served(**ours, **{PREFIXES: {"us-east-2": f"{base}/v1/repos/"}}), base)
    with pytest.raises(NotDiscovered):
        parsed(served(**ours, **{PREFIXES: {"us-east-2": url}}), base)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoints": dict.fromkeys(("codecommit", "iam", "kms", "sts"), "https://evil.example")},
        {"endpoints": {}},
        {"ca": f"{BASE}/v1/../x"},
        {"aws_names": {"ca": "file:///etc/passwd"}},
        {"regions": "us-east-2"},
        {"regions": ["us-east-2", "x]\n[core"]},
        {"default_region": "us-west-2"},
        {"version": "1\x1b[2J"},
        {"ssh": [{"port": 70000, "region": None}]},
        {"ssh": None},
        {"service": "other"},
        {"domain": 5},
        {"domain": "com"},
    ],
    ids=str,
)
def test_a_document_that_is_not_of_the_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotDiscovered):
        parsed(served(**changes), BASE)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"null", b'{"service": "moorage"}', b"[" * 100_000]
)
def test_what_is_no_document_at_all_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(NotDiscovered) as refused:
        parsed(content, BASE)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://git.example.org/v1/repos/x?y#z", "https://git.example.org"),
        ("HTTPS://Git.Example.org:443", "https://git.example.org"),
        ("https://user@localhost:8443/", BASE),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
    ],
)
def test_the_server_of_a_url(url: str, base: str) -> None:
    assert base_of(url) == base


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.org",
        "ssh://git.example.org",
        "git.example.org",
        "https://",
        "https://a:b",
        "https://a b",
    ],
)
def test_a_url_that_may_not_be_asked(url: str) -> None:
    with pytest.raises(NotDiscovered):
        base_of(url)


def test_a_server_that_is_not_there_is_told_so_in_one_line() -> None:
    with pytest.raises(NotDiscovered, match=r"^localhost:1 "):
        discover("https://git-codecommit.us-east-2.amazonaws.com.localhost:1/v1/repos/x", {})
