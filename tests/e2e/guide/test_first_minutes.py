"""The first minutes with moorage: the lines that the demo prints, then those of the README, pasted."""

from __future__ import annotations

import re
import time
from pathlib import Path

import dev
import pytest

from moorage.core.arn import partition_of
from person import AWS_V1, AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import Service, serving

pytestmark = pytest.mark.needs("git")

# What machines behind inspecting proxies, and users of the real AWS, have set.
PRESETS = {
    "GIT_SSL_CAINFO": "/etc/ssl/certs/ca-certificates.crt",
    "AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "CURL_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "AWS_ACCESS_KEY_ID": "AKIAFROMTHEREALAWS00",
    "AWS_SECRET_ACCESS_KEY": "of-the-real-aws",
    "AWS_SESSION_TOKEN": "of-the-real-aws",
    "AWS_DEFAULT_REGION": "eu-south-1",
    "AWS_PROFILE": "work",
    "AWS_DEFAULT_PROFILE": "work",
    "AWS_ENDPOINT_URL": "http://localhost:9",
    "AWS_ENDPOINT_URL_CODECOMMIT": "http://localhost:9",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "HTTPS_PROXY": "http://localhost:9",
    "https_proxy": "http://localhost:9",
    "ALL_PROXY": "http://localhost:9",
}


def printed_lines(service: Service) -> str:
    """What the demo printed to be pasted, once it is there."""
    deadline = time.monotonic() + 20
    while "paste these lines" not in service.log and time.monotonic() < deadline:
        time.sleep(0.05)  # the announcement follows readiness by a moment
    lines = service.log.partition("paste these lines into a shell.\n")[2].splitlines()
    return "\n".join(line for line in lines if not line.startswith("{"))


def readme_lines(service: Service) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```", (dev.ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0]).replace("8443", str(service.port))


@pytest.mark.parametrize(
    ("aws_cli", "presets"),
    [(AWS_V1, {}), (AWS_V2, PRESETS), (AWS_V2_NEW, PRESETS)],
    ids=["v1, nothing preset", "v2, much preset", "v2-new, much preset"],
    indirect=["aws_cli"],
)
def test_the_printed_lines_and_the_readme_work_when_pasted(
    tmp_path: Path, aws_cli: AwsCli, presets: dict[str, str]
) -> None:
    with serving(tmp_path, "--demo") as service:
        person = Person(tmp_path / "home", aws_cli, service)
        for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
            person.env.pop(name, None)
        if presets:
            person.git_global("credential.helper", "store")
        script = printed_lines(service) + "\n" + readme_lines(service)
        said = person.ok("bash", "-euxc", script, env=presets)
        assert "MyDemoRepo" in said
        assert '"branchName": "first-steps"' in said
        assert {path.name for path in person.home.iterdir()} <= {
            *(".local", "MyDemoRepo", ".gitconfig", ".aws", ".git-credentials"),
        }


def test_a_second_start_of_the_demo_finds_what_the_first_made(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as service:
        first = printed_lines(service)
        before = (service.data / "demo" / "credentials").read_text()
        assert service.stop() == 0
        service.restart()
        assert (service.data / "demo" / "credentials").read_text() == before
        assert first in service.log
        person = Person(tmp_path / "home", AWS_V1, service)
        person.ok("bash", "-euc", first)


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1"])
def test_the_demo_works_from_any_default_region(tmp_path: Path, region: str) -> None:
    with serving(tmp_path, "--demo", "--region", region) as service:
        person = Person(tmp_path / "home", AWS_V1, service)
        said = person.ok("bash", "-euc", printed_lines(service))
        assert f"arn:{partition_of(region)}:codecommit:" in said
