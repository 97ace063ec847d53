from __future__ import annotations

from typing import Any

import pytest

from moorage.core.faults import Fault
from moorage.edge import hosts
from moorage.wire.regions import Regions

REGIONS = Regions()
DOMAIN = "amazonaws.com.localhost"


def _scope(
    method: str = "POST",
    host: str = "localhost:8443",
    path: str = "/",
    query: str = "",
    **headers: str,
) -> Any:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }


FORM = "application/x-www-form-urlencoded"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)


@pytest.mark.parametrize(
    ("scope", "api"),
    [
        (_scope(), True),
        (_scope(x_amz_target="CodeCommit_20150413.ListRepositories"), True),
        (_scope("GET", query="Action=GetCallerIdentity&Version=2011-06-15"), True),
        (_scope("GET", query="X-Amz-Signature=0&X-Amz-Algorithm=x"), True),
        (_scope("GET", host=f"sts.us-east-1.{DOMAIN}"), True),
        (_scope("GET"), False),
        (_scope("GET", query="next=Action"), False),
        (_scope("POST", path="/login"), False),
        (_scope("GET", host=f"console.{DOMAIN}"), False),
        (_scope("GET", host=f"codecommit.us-east-1.{DOMAIN}", path="/healthz"), False),
    ],
)
def test_the_api_is_told_from_pages_by_method_query_and_host(scope: Any, api: bool) -> None:
    assert hosts.is_api(scope, REGIONS) is api


def test_a_target_names_service_and_operation() -> None:
    asked = hosts.asked(_scope(x_amz_target="CodeCommit_20150413.GetBranch"), b"{}", REGIONS)
    assert (asked.service, asked.operation, asked.region, asked.message) == (
        "codecommit",
        "GetBranch",
        None,
        b"{}",
    )


def test_the_host_names_the_region() -> None:
    scope = _scope(host=f"codecommit.eu-west-1.{DOMAIN}:8443", x_amz_target="CodeCommit_20150413.GetBranch")
    assert hosts.asked(scope, b"{}", REGIONS).region == "eu-west-1"


def test_a_target_of_another_service_than_the_hosts_is_no_operation_of_it() -> None:
    scope = _scope(host=f"kms.eu-west-1.{DOMAIN}", x_amz_target="CodeCommit_20150413.GetBranch")
    asked = hosts.asked(scope, b"{}", REGIONS)
    assert (asked.service, asked.operation) == ("kms", None)


@pytest.mark.parametrize(
    ("version", "service"), [("2010-05-08", "iam"), ("2011-06-15", "sts")], ids=["iam", "sts"]
)
def test_a_forms_version_names_the_service(version: str, service: str) -> None:
    body = f"Action=X&Version={version}&UserName=demo".encode()
    asked = hosts.asked(_scope(content_type=FORM), body, REGIONS)
    assert (asked.service, asked.operation, asked.version) == (service, "X", version)
    assert asked.message["UserName"] == "demo"  # type: ignore[call-overload]  # a form's message is a mapping


def test_a_form_in_the_query_string_is_read() -> None:
    asked = hosts.asked(_scope("GET", query="Action=GetUser&Version=2010-05-08"), b"", REGIONS)
    assert (asked.service, asked.operation) == ("iam", "GetUser")


def test_a_form_with_an_unknown_version_goes_to_the_service_it_is_signed_for() -> None:
    scope = _scope(content_type=FORM, authorization=SIGNED.format("iam"))
    assert hosts.asked(scope, b"Action=X&Version=1999", REGIONS).service == "iam"


@pytest.mark.parametrize("body", [b"", b"hello", b"Version=2011-06-15", b"Action=X"])
def test_a_request_that_names_no_operation_of_ours_is_answered_as_unsigned(body: bytes) -> None:
    with pytest.raises(Fault, match="MissingAuthenticationToken"):
        hosts.asked(_scope(), body, REGIONS)


def test_a_target_of_an_unknown_service_is_an_unknown_operation() -> None:
    with pytest.raises(Fault, match="InvalidAction"):
        hosts.asked(_scope(x_amz_target="DynamoDB_20120810.ListTables"), b"{}", REGIONS)


@pytest.mark.parametrize("body", [b"\xff", b"Action=X&Action=Y", b"Action=%ff"])
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Fault, match="SerializationException"):
        hosts.asked(_scope(content_type=FORM), body, REGIONS)
