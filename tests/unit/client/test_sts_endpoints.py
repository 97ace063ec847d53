"""Where STS and IAM Identity Center are asked, and how a request is signed: against botocore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials as TheirCredentials
from botocore.loaders import create_loader

from aws_home import Home, variables
from moorage.client.sources import Credentials, NoCredentials
from moorage.client.sources.endpoints import Endpoint, checked_region, endpoint, region_of
from moorage.client.sources.sts import _signature
from pretended_aws import PretendedAws

LOADER = create_loader()
REGIONS = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
LEGACY = {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}
FIPS, DUALSTACK = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "True"}
IN_SERVICES = """
[default]
services = mine
endpoint_url = https://global.example:8443/base/
[services mine]
sts =
  endpoint_url = https://sts.example
sso_oidc =
    endpoint_url = https://oidc.example
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", PretendedAws())
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        del made.environment[name]
    return made


def by_botocore(environment: Mapping[str, str], service: str) -> tuple[str, str]:
    """Return the URL that botocore's client asks, and the region that signs."""
    asked: dict[str, str] = {}

    def answer(request: Any, **_: object) -> AWSResponse:
        asked["url"] = request.url
        asked["scope"] = str(request.headers.get("Authorization"))
        return AWSResponse(
            request.url,
            200,
            {},
            Empty(b"<a><GetCallerIdentityResult/><ResponseMetadata/></a>" if service == "sts" else b"{}"),
        )

    with variables(environment):
        session = botocore.session.Session(session_vars=REGIONS)
        session.register_component("data_loader", LOADER)
        client = session.create_client(
            service,
            aws_access_key_id="AKIA",
            aws_secret_access_key="s",
            config=Config(retries={"max_attempts": 0}),
        )
        client.meta.events.register("before-send", answer)
        if service == "sts":
            client.get_caller_identity()
        elif service == "sso":
            client.get_role_credentials(roleName="r", accountId="a", accessToken="t")
        else:
            client.create_token(clientId="c", clientSecret="s", grantType="refresh_token")
    return asked["url"], asked["scope"]


class Empty:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.content


@pytest.mark.parametrize(
    "environment",
    [
        {},
        LEGACY,
        {"AWS_REGION": "eu-west-1"},
        {"AWS_REGION": "eu-west-1", **LEGACY},
        {"AWS_DEFAULT_REGION": "ap-south-2", **LEGACY},
        {"AWS_REGION": "aws-global"},
        {"AWS_REGION": "xx-made-1"},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "us-gov-west-1"},
        {"AWS_REGION": "us-iso-east-1"},
        {"AWS_REGION": "us-isob-east-1"},
        {"AWS_REGION": "us-isof-south-1"},
        {"AWS_REGION": "eu-isoe-west-1"},
        {"AWS_REGION": "eusc-de-east-1"},
        {"AWS_REGION": "eu-west-1", **FIPS},
        {"AWS_REGION": "eu-west-1", **DUALSTACK, **LEGACY},
        {"AWS_REGION": "cn-north-1", **DUALSTACK},
        {"AWS_REGION": "us-gov-west-1", **FIPS},
        {"AWS_REGION": "us-gov-west-1", **FIPS, **DUALSTACK},
        {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://localhost:1/x/"},
        {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_STS": "https://own", "AWS_ENDPOINT_URL": "https://no"},
        {
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": "https://no",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        },
    ],
    ids=str,
)
def test_sts_is_asked_where_botocore_asks_it(home: Home, environment: dict[str, str]) -> None:
    home.environment |= environment
    ours = endpoint(home.asked(), "sts", region_of(home.asked()))
    url, scope = by_botocore(home.environment, "sts")
    assert f"{ours.url}/" == url
    assert f"/{ours.region}/sts/aws4_request" in scope


@pytest.mark.parametrize(("ours", "theirs"), [("sts", "sts"), ("sso", "sso"), ("sso_oidc", "sso-oidc")])
@pytest.mark.parametrize("config", ["", IN_SERVICES], ids=["plain", "services"])
def test_each_service_has_its_own_address(home: Home, config: str, ours: str, theirs: str) -> None:
    home.config(config)
    home.environment["AWS_REGION"] = "eu-west-1"
    found = endpoint(home.asked(), ours, "eu-west-1")
    paths = {"sts": "/", "sso": "/federation/credentials?role_name=r&account_id=a", "sso_oidc": "/token"}
    assert found.url + paths[ours] == by_botocore(home.environment, theirs)[0]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://sts.example.org", "use https"),
        ("http://10.0.0.1", "use https"),
        ("http://localhost.example.org", "use https"),
        ("ftp://x", "endpoint_url that is set is wrong"),
        ("https://user:secret@x", "endpoint_url that is set is wrong"),
    ],
)
def test_an_address_that_would_show_credentials_is_refused(home: Home, url: str, told: str) -> None:
    home.environment["AWS_ENDPOINT_URL"] = url
    with pytest.raises(NoCredentials, match=told) as refusal:
        endpoint(home.asked(), "sts", "eu-west-1")
    assert "secret" not in str(refusal.value)


def test_services_that_are_not_there_are_told(home: Home) -> None:
    home.config("[default]\nservices = none\n")
    with pytest.raises(NoCredentials, match=r"has no \[services none\]"):
        endpoint(home.asked(), "sts", "eu-west-1")


@pytest.mark.parametrize("name", ["evil.example/", "a b", "-a", "a-", "1", "", "é", "x" * 64, "a\n"])
def test_what_is_no_region_never_becomes_a_host(name: str) -> None:
    with pytest.raises(NoCredentials, match="no AWS region"):
        checked_region(name)


@pytest.mark.parametrize("token", [None, "to/ken=="])
@pytest.mark.parametrize("url", ["https://sts.eu-west-1.amazonaws.com", "http://localhost:8443/a b"])
def test_a_request_is_signed_as_botocore_signs_it(token: str | None, url: str) -> None:
    url = url.replace(" ", "%20")
    headers = {"Host": url.split("/")[2], "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"Action=AssumeRole&RoleArn=a%20b"
    place = Endpoint(url, "eu-west-1")
    signer = Credentials("AKIA", "secret", token)
    theirs = AWSRequest("POST", f"{url}/", headers=dict(headers), data=body)
    SigV4Auth(TheirCredentials("AKIA", "secret", token), "sts", "eu-west-1").add_auth(theirs)
    stamp = theirs.context["timestamp"]
    from datetime import UTC, datetime

    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    ours = _signature(place, "eu-west-1", body, headers, signer=signer, now=now)
    assert ours["Authorization"] == theirs.headers["Authorization"]
    assert ours.get("X-Amz-Security-Token") == token
