"""What a machine gives: a container's host, an instance's metadata, and the files of older programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_home import NOW, Home, in_seconds
from moorage.client.sources import NoCredentials, container, instance
from pretended_aws import CONTAINER_PATH, METADATA_TOKEN, ROLE, PretendedAws, metadata

FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
ROLES = "/latest/meta-data/iam/security-credentials/"


@pytest.fixture
def contained(tmp_path: Path, aws: PretendedAws) -> Home:
    home = Home(tmp_path / "home", aws)
    home.environment[FULL] = aws.url + CONTAINER_PATH
    return home


@pytest.fixture
def on_instance(tmp_path: Path, aws: PretendedAws) -> Home:
    home = Home(tmp_path / "home", aws)
    home.environment |= {"AWS_EC2_METADATA_DISABLED": "false", ENDPOINT: aws.url}
    return home


def test_a_containers_host_is_asked_with_its_token(contained: Home, aws: PretendedAws) -> None:
    contained.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "from the variable"
    assert contained.key().access_key == "ASIACONTAINER"
    file = contained.folder / "token"
    file.write_text("from the file")
    contained.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(file)
    contained.key()
    asked = [request.headers["authorization"] for request in aws.requests]
    assert asked == ["from the variable", "from the file"]


def test_a_token_with_a_line_end_is_sent_nowhere(contained: Home, aws: PretendedAws) -> None:
    contained.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "secret-token\r\nHost: elsewhere"
    told = contained.why_not()
    assert "line end" in told
    assert "secret-token" not in told
    assert aws.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://credentials.example.org/x",
        "http://127.0.0.1:1/x",
        "http://127.9.9.9/",
        "http://[::1]:99/",
        "http://localhost/",
        "http://169.254.170.2/v2",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/",
    ],
)
def test_https_and_the_hosts_of_aws_may_be_asked(url: str) -> None:
    assert container.url_of({FULL: url}) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://credentials.example.org/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://127.0.0.1@evil.example/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "ftp://127.0.0.1/",
        "http:///x",
        "127.0.0.1",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nHost: x",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "",
    ],
)
def test_other_hosts_are_refused_in_one_line(url: str) -> None:
    with pytest.raises(NoCredentials) as refusal:
        container.url_of({FULL: url})
    assert str(refusal.value).isprintable()


def test_a_relative_uri_comes_first_and_never_becomes_a_host() -> None:
    both = {FULL: "https://x/", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"}
    assert container.url_of(both) == "http://169.254.170.2/v2/credentials/1"
    for relative in ("@evil.example/", ".evil.example/", ""):
        with pytest.raises(NoCredentials, match="begin with a slash"):
            container.url_of({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": relative})


def test_a_host_that_stumbles_is_asked_again_after_a_pause(contained: Home, aws: PretendedAws) -> None:
    pauses: list[float] = []
    aws.instead[CONTAINER_PATH] = [(500, "busy"), (200, "{"), (200, metadata("third", aws.expires))]
    ours = container.credentials(contained.asked(), pauses.append)
    assert ours is not None
    assert ours.access_key == "ASIATHIRD"
    assert pauses == [container.PAUSE_S] * 2


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (403, '{"message": "no\x1b[2J role"}', "status 403: "),
        (302, "", "status 302"),
        (200, "[]", "no JSON object"),
    ],
)
def test_a_host_without_an_answer_is_told(
    contained: Home, aws: PretendedAws, status: int, text: str, told: str
) -> None:
    aws.instead[CONTAINER_PATH] = [(status, text)]
    with pytest.raises(NoCredentials, match=told) as refusal:
        container.credentials(contained.asked(), lambda _: None)
    assert str(refusal.value).isprintable()
    assert set(aws.paths) == {f"GET {CONTAINER_PATH}"}


@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"])
def test_an_answer_that_lacks_a_part_is_told(contained: Home, aws: PretendedAws, name: str) -> None:
    aws.instead[CONTAINER_PATH] = [(200, metadata("container", aws.expires).replace(name, "Other"))]
    assert name in contained.why_not()


def test_expired_credentials_of_a_container_are_told(contained: Home, aws: PretendedAws) -> None:
    aws.expires = in_seconds(-1)
    assert "expired at 2030-03-17T17:46:39Z" in contained.why_not()


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_instance_is_asked_in_version_2(on_instance: Home, aws: PretendedAws, slash: str) -> None:
    on_instance.environment[ENDPOINT] = aws.url + slash
    assert on_instance.key().access_key == "ASIAINSTANCE"
    assert aws.paths == ["PUT /latest/api/token", f"GET {ROLES}", f"GET {ROLES}{ROLE}"]
    assert [request.headers.get("x-aws-ec2-metadata-token") for request in aws.requests[1:]] == [
        METADATA_TOKEN
    ] * 2


@pytest.mark.parametrize("status", [403, 404, 405])
def test_version_1_serves_where_there_is_no_token_unless_it_is_disabled(
    on_instance: Home, aws: PretendedAws, status: int
) -> None:
    aws.instead["/latest/api/token"] = [(status, "")]
    assert on_instance.key().access_key == "ASIAINSTANCE"
    on_instance.environment["AWS_EC2_METADATA_V1_DISABLED"] = "true"
    assert "version 1 is disabled" in on_instance.why_not()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/latest/api/token", 400, ""),
        (ROLES, 404, ""),
        (ROLES, 200, ""),
        (ROLES + ROLE, 200, '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "x"}'),
        (ROLES + ROLE, 200, "{"),
        (ROLES + ROLE, 200, "[]"),
    ],
)
def test_an_instance_without_a_role_is_as_none(
    on_instance: Home, aws: PretendedAws, path: str, status: int, text: str
) -> None:
    aws.instead[path] = [(status, text)]
    assert instance.credentials(on_instance.asked()) is None


def test_a_role_of_any_name_stays_one_part_of_the_path(on_instance: Home, aws: PretendedAws) -> None:
    aws.instead[ROLES] = [(200, "../../x?y=#\r\nHost: z")]
    assert instance.credentials(on_instance.asked()) is None
    assert aws.paths[-1] == f"GET {ROLES}..%2F..%2Fx%3Fy%3D%23%0D%0AHost%3A%20z"


def test_a_token_that_is_no_header_is_sent_nowhere(on_instance: Home, aws: PretendedAws) -> None:
    aws.instead["/latest/api/token"] = [(200, "a\r\nHost: z")]
    on_instance.environment["AWS_EC2_METADATA_V1_DISABLED"] = "true"
    assert "no token" in on_instance.why_not()


def test_expired_credentials_of_an_instance_are_used_without_their_end(
    on_instance: Home, aws: PretendedAws
) -> None:
    aws.expires = in_seconds(-1)
    assert on_instance.key().expires_at is None
    aws.expires = in_seconds(1)
    assert on_instance.key().expires_at == NOW + 1


def test_a_disabled_metadata_service_is_not_asked(on_instance: Home, aws: PretendedAws) -> None:
    on_instance.environment["AWS_EC2_METADATA_DISABLED"] = "TRUE"
    assert "no AWS credentials" in on_instance.why_not()
    assert aws.requests == []


def test_attempts_and_endpoint_may_stand_in_the_profile(on_instance: Home, aws: PretendedAws) -> None:
    del on_instance.environment[ENDPOINT]
    on_instance.config(
        f"[default]\nec2_metadata_service_endpoint = {aws.url}\nmetadata_service_num_attempts = 2\n"
    )
    aws.instead[ROLES] = [(500, ""), (200, ROLE)]
    assert on_instance.key().access_key == "ASIAINSTANCE"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (ENDPOINT, "http://metadata.example.org/", "plain http to a host of the network"),
        (ENDPOINT, "http://10.0.0.1/", "plain http"),
        (ENDPOINT, "nothing", "no URL"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon", "a number from 1"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "0", "a number from 1"),
    ],
)
def test_wrong_settings_of_the_metadata_service_are_told(
    on_instance: Home, variable: str, value: str, told: str
) -> None:
    on_instance.environment[variable] = value
    assert told in on_instance.why_not()


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://169.254.169.254/"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "http://[fd00:ec2::254]/"),
        ({"AWS_IMDS_USE_IPV6": "true"}, "http://[fd00:ec2::254]/"),
        (
            {"AWS_IMDS_USE_IPV6": "true", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4"},
            "http://169.254.169.254/",
        ),
        ({ENDPOINT: "http://[fe80::1]"}, "http://[fe80::1]/"),
    ],
)
def test_the_metadata_services_address_follows_its_settings(
    on_instance: Home, variables: dict[str, str], url: str
) -> None:
    del on_instance.environment[ENDPOINT]
    on_instance.environment |= variables
    assert instance._url(on_instance.asked()) == url


def test_the_older_files_come_before_the_machine(contained: Home) -> None:
    boto = contained.folder / "boto"
    boto.write_text("[Credentials]\naws_access_key_id = AKIABOTO\naws_secret_access_key = b\n")
    contained.environment["BOTO_CONFIG"] = str(boto)
    assert contained.key().access_key == "AKIABOTO"
    old = contained.folder / "old"
    old.write_text("AWSAccessKeyId=AKIAOLD\nAWSSecretKey=o\n")
    contained.environment["AWS_CREDENTIAL_FILE"] = "~/old"
    assert contained.key().access_key == "AKIAOLD"
    old.write_text("AWSAccessKeyId=AKIAOLD\n")
    assert "AWSSecretKey" in contained.why_not()


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_url_of_a_container_is_taken_or_refused(url: str) -> None:
    try:
        container.url_of({FULL: url})
    except NoCredentials as error:
        assert str(error).isprintable()  # noqa: PT017  # most are refused, a few are not
