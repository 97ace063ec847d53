"""AWS's own addresses, unmodified, led to a served moorage; and its endpoint in an AWS profile."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacker import Attacker
from e2e_names import POWER_USER, NewPerson
from moorage.cli import main
from moorage.client import discovery
from moorage.client.machine import ThisMachine
from moorage.client.setup import command
from moorage.client.setup.command import Outcome
from moorage.client.setup.options import Options
from person import AWS_V1, AwsCli, Person
from relays import relaying
from service_process import ACCOUNT, Service, serving
from terminals import Silent

pytestmark = pytest.mark.needs("git")

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "aws-names.md"
REWRITE, _, RESOLVE, PROFILE = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
AWS_URL = "https://git-codecommit.us-east-2.amazonaws.com/v1/repos/demo"
GRC_URL = "codecommit::us-east-2://demo"
# Another address of this machine, where port 443 is nobody's.
ELSEWHERE, HTTPS_PORT = "127.77.44.3", 443


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("routed"), "--aws-names") as up:
        up.create_repository("demo")
        yield up


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    return service.create_user("mary", POWER_USER)


@pytest.fixture
def mary(new_person: NewPerson, key: tuple[str, str]) -> Person:
    """Knows AWS's addresses, and sets nothing of this server in her environment."""
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        del person.env[name]
    # The gate that keeps tests at home: what is not led elsewhere finds nobody.
    person.env |= {"https_proxy": "http://127.0.0.1:1", "no_proxy": "localhost,.localhost"}
    person.write_profile(key)
    return person


def set_up(person: Person, url: str, **options: object) -> Outcome:
    machine = ThisMachine(person.env, folder=person.home)
    options = {"ca": person.service.ca, "yes": True, "region": "us-east-2", **options}
    return command.run(Options(url=url, **options), machine, Silent())  # type: ignore[arg-type]  # by name


def written_once(person: Person, **options: object) -> None:
    """Set up; a second time nothing is left to do, also without naming the CA again."""
    assert set_up(person, person.service.endpoint, **options).status == 0
    assert set_up(person, person.service.endpoint, **options, ca=None).planned.changes == []


def use_awss_own_helper(person: Person) -> None:
    """The guide's helper at the end of the file, where it wins over all before it."""
    with (person.home / ".gitconfig").open("a") as file:
        file.write('[credential]\n\thelper =\n\thelper = "!aws codecommit credential-helper $@"\n')


def test_addresses_are_rewritten_by_the_guides_lines(mary: Person, service: Service) -> None:
    (mary.home / ".local" / "bin" / "moorage").symlink_to(Path(sys.executable).with_name("moorage"))
    (mary.home / "ca.pem").symlink_to(service.ca)
    mary.ok("bash", "-ec", REWRITE.replace("8443", str(service.port)))
    assert (mary.home / "demo" / ".git").exists()
    assert set_up(mary, service.endpoint, route="rewrite", ca=None).planned.changes == []
    mary.ok("git", "ls-remote", GRC_URL)
    use_awss_own_helper(mary)
    mary.ok("git", "ls-remote", AWS_URL)


def test_names_are_resolved_to_the_server(mary: Person, service: Service) -> None:
    # What the days at AWS have left in the store goes, too: Git would have been given it first.
    stored = mary.home / ".git-credentials"
    stored.write_text(f"https://AK:20240229T123456Z{'0' * 64}@{AWS_URL.removeprefix('https://')}\n")
    mary.git_global("credential.helper", "store")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(relaying(service.port, ELSEWHERE, HTTPS_PORT))
        except OSError as error:
            pytest.skip(
                f"port {HTTPS_PORT} of {ELSEWHERE} cannot be had here ({error}): run this as root on Linux"
            )
        written_once(mary, route="resolve", route_to=ELSEWHERE)
        assert "127.77.44.3" in mary.ok("git", "config", "--get-urlmatch", "http.curloptResolve", AWS_URL)
        for url in (AWS_URL, GRC_URL):
            mary.ok("git", "ls-remote", url)
        use_awss_own_helper(mary)
        mary.ok("git", "clone", "--quiet", AWS_URL)
    assert stored.read_text() == ""
    asked = mary.ok("git", "config", "--get-urlmatch", "http.sslCAInfo", AWS_URL).strip()
    assert Path(asked).read_bytes() == (service.data / "aws-names-ca.pem").read_bytes()
    # Other names of AWS are not led anywhere.
    assert (
        mary.run("git", "config", "--get-urlmatch", "http.sslCAInfo", "https://s3.amazonaws.com/").status == 1
    )


def test_names_are_led_through_a_proxy(mary: Person, service: Service) -> None:
    with relaying(service.port, is_proxy=True) as proxy:
        written_once(mary, route="proxy", route_to=f"http://127.0.0.1:{proxy.port}")
        mary.ok("git", "ls-remote", AWS_URL)
    assert set(proxy.asked) == {"CONNECT git-codecommit.us-east-2.amazonaws.com:443 HTTP/1.1"}


def test_the_ca_for_awss_names_is_not_the_one_of_the_server(mary: Person, service: Service) -> None:
    with relaying(service.port, is_proxy=True) as proxy:
        through = ("-c", f"http.proxy=http://127.0.0.1:{proxy.port}")
        said = mary.refused("git", *through, "-c", f"http.sslCAInfo={service.ca}", "ls-remote", AWS_URL)
    assert "certificate" in said


def test_the_guides_other_lines_are_ones_that_setup_takes() -> None:
    for line in (RESOLVE, PROFILE):
        words = line.splitlines()[0].split()
        assert words[:2] == ["moorage", "setup"]
        main.parser().parse_args(words[1:])


def test_the_server_tells_everybody_what_setup_reads_and_nothing_of_the_request(service: Service) -> None:
    told = Attacker(service).ask("GET", discovery.PATH, host="evil.example")
    assert told.status == 200
    assert b"evil" not in told.body
    found = discovery.parsed(told.body, service.endpoint)
    assert found.clone_url_prefixes["us-east-2"] + "demo" == service.url("demo")
    assert (found.ca, found.aws_names_ca) == ("/ca.pem", "/aws-names-ca.pem")
    assert found == discovery.discover(service.url("demo"), {}, str(service.ca))
    for secret in (service.secret, service.key_id, ACCOUNT, str(service.data)):
        assert secret.encode() not in told.body
    context = ssl.create_default_context(cafile=str(service.ca))
    connection = http.client.HTTPSConnection("localhost", service.port, context=context)
    with contextlib.closing(connection):
        connection.request("HEAD", discovery.PATH)
        head = connection.getresponse()
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(told.body)))
        assert head.headers["Cache-Control"] == "public, max-age=300"


WHO = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


def test_a_profile_leads_newer_aws_clis_here_and_a_wrapper_older_ones(
    mary: Person, service: Service, aws_v2_new: AwsCli, aws_v2: AwsCli
) -> None:
    credentials = mary.home / ".aws" / "credentials"
    credentials.write_text(credentials.read_text().replace("[default]", "[My Profile]"))
    outcome = set_up(mary, service.endpoint, aws_config="profile", profile="My Profile")
    assert outcome.status == 0
    assert not [note for note in outcome.planned.notes if "ignores endpoint_url" in note]
    mary.env |= {"AWS_PROFILE": "My Profile"}
    # The gate: whoever does not come here meets a proxy that is not there.
    mary.env["HTTPS_PROXY"] = mary.env["https_proxy"]
    arn = f"arn:aws:iam::{ACCOUNT}:user/mary"
    for cli in (AWS_V1, aws_v2_new):
        use(mary, cli)
        assert json.loads(mary.ok("aws", "sts", "get-caller-identity"))["Arn"] == arn
    use(mary, aws_v2)
    again = set_up(mary, service.endpoint, aws_config="profile", profile="My Profile", dry_run=True)
    (note,) = [note for note in again.planned.notes if "ignores endpoint_url" in note]
    wrapper = note.partition("startup file: ")[2]
    said = mary.ok("sh", "-c", f"{wrapper}\naws sts get-caller-identity")
    assert json.loads(said)["Arn"] == arn


def test_a_profile_leads_boto3_here_for_the_services_alone_that_the_server_speaks(
    mary: Person, service: Service
) -> None:
    outcome = set_up(mary, service.endpoint, aws_config="services")
    assert any("AWS_CA_BUNDLE" in note for note in outcome.planned.notes)
    mary.env |= {"AWS_CA_BUNDLE": str(service.ca)}
    where = "import boto3; print(*(boto3.client(s).meta.endpoint_url for s in ('codecommit', 's3')))"
    done = subprocess.run(
        [sys.executable, "-c", f"{WHO}\n{where}"], env=mary.env, capture_output=True, text=True, check=True
    )
    arn, endpoints = done.stdout.splitlines()
    assert arn == f"arn:aws:iam::{ACCOUNT}:user/mary"
    assert endpoints.split() == [service.endpoint, "https://s3.us-east-2.amazonaws.com"]


def use(person: Person, cli: AwsCli) -> None:
    (person.home / ".local" / "bin" / "aws").write_text(f"#!/bin/sh\n{cli.script}\n")
