"""The AWS HTTP door, by clients and by hand-made requests."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import uuid
from typing import Any

import boto3
import botocore.exceptions
import pytest

from moorage.storage import audit
from moorage.storage.audit import AuditEvent
from moorage.storage.database import Database
from moorage.testing import Server

TARGET = "CodeCommit_20150413.ListRepositories"


def _client(moorage: Server, service: str, region: str = "us-east-1") -> Any:
    return boto3.client(service, **moorage.boto3_arguments(region))


def _ask(
    moorage: Server, method: str = "POST", path: str = "/", body: bytes = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    context = ssl.create_default_context(cafile=str(moorage.ca_file))
    connection = http.client.HTTPSConnection("localhost", moorage.port, context=context, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def test_every_answer_has_a_request_id_and_its_protocols_content_type(moorage: Server) -> None:
    answer = _client(moorage, "codecommit").list_repositories()["ResponseMetadata"]
    assert uuid.UUID(answer["HTTPHeaders"]["x-amzn-requestid"]).version == 4
    assert answer["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"
    answer = _client(moorage, "sts").get_caller_identity()["ResponseMetadata"]
    assert answer["HTTPHeaders"]["content-type"] == "text/xml"
    assert answer["HTTPHeaders"]["x-amzn-requestid"] == answer["RequestId"]


def test_an_unsigned_json_call_is_refused_in_json(moorage: Server) -> None:
    status, headers, body = _ask(moorage, body=b"{}", X_Amz_Target=TARGET)
    assert status == 400
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(body)["__type"] == "MissingAuthenticationTokenException"


def test_an_unsigned_query_call_is_refused_in_xml(moorage: Server) -> None:
    status, headers, body = _ask(
        moorage,
        body=b"Action=GetUser&Version=2010-05-08",
        Content_Type="application/x-www-form-urlencoded",
    )
    assert (status, headers["content-type"]) == (403, "text/xml")
    assert b"<Code>MissingAuthenticationToken</Code>" in body


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("CodeCommit_20150413.NoSuchThing", "UnknownOperationException"),
        ("CodeCommit_20150413.", "UnknownOperationException"),
        ("CodeCommit_20150413.createPullRequest", "UnknownOperationException"),
        ("TrentService.NoSuchThing", "UnknownOperationException"),
    ],
)
def test_operations_that_are_not_there_are_unknown(moorage: Server, target: str, kind: str) -> None:
    status, _, body = _ask(moorage, body=b"{}", X_Amz_Target=target)
    assert (status, json.loads(body)["__type"]) == (400, kind)


@pytest.mark.parametrize("body", [b"", b"\x00", b"<xml/>", b"Action=", b"Action=X&Action=Y"])
def test_a_request_that_means_nothing_is_refused_and_is_no_failure(moorage: Server, body: bytes) -> None:
    assert 400 <= _ask(moorage, body=body)[0] < 500


def test_a_body_over_the_bound_is_refused(moorage: Server) -> None:
    status, _, _ = _ask(moorage, body=b" " * (11 << 20), X_Amz_Target=TARGET)
    assert 400 <= status < 500
    status, _, _ = _ask(moorage, body=b"Action=GetUser&Version=2010-05-08&x=" + b"y" * (1 << 20))
    assert 400 <= status < 500


def test_a_signature_for_another_service_is_refused(moorage: Server) -> None:
    codecommit = _client(moorage, "codecommit")
    codecommit.meta.events.register(
        "before-sign", lambda request, **_: request.context.update(signing={"signing_name": "s3"})
    )
    with pytest.raises(botocore.exceptions.ClientError, match="correct service: 'codecommit'"):
        codecommit.list_repositories()


def test_a_region_that_is_not_served_is_refused(moorage: Server) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="valid region, not 'mars-north-1'"):
        _client(moorage, "codecommit", "mars-north-1").list_repositories()


@pytest.mark.parametrize(
    ("service", "call", "status"),
    [("codecommit", "list_repositories", 400), ("sts", "get_caller_identity", 403)],
)
def test_host_and_signature_must_name_the_same_region(
    moorage: Server, service: str, call: str, status: int
) -> None:
    client = _client(moorage, service, "eu-west-1")

    def move(request: Any, **_: Any) -> None:
        request.headers["Host"] = f"{service}.us-east-1.{moorage.domain}:{moorage.port}"

    client.meta.events.register("before-sign", move)
    with pytest.raises(botocore.exceptions.ClientError, match="valid region, not 'eu-west-1'") as refused:
        getattr(client, call)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_newer_http_is_not_offered(moorage: Server) -> None:
    context = ssl.create_default_context(cafile=str(moorage.ca_file))
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = ("localhost", moorage.port)
    with (
        socket.create_connection(address) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        assert tls.selected_alpn_protocol() == "http/1.1"


def test_a_presigned_query_is_answered(moorage: Server) -> None:
    url = _client(moorage, "sts").generate_presigned_url(
        "get_caller_identity", ExpiresIn=60, HttpMethod="GET"
    )
    status, _, body = _ask(moorage, "GET", url.removeprefix(moorage.endpoint_url))
    assert status == 200
    assert b":root</Arn>" in body


def test_the_same_name_in_two_regions_is_two_repositories(moorage: Server) -> None:
    made = [
        _client(moorage, "codecommit", region).create_repository(repositoryName="a")["repositoryMetadata"]
        for region in ("us-east-2", "eu-central-1")
    ]
    assert {re.split(":", one["Arn"])[3] for one in made} == {"us-east-2", "eu-central-1"}
    assert made[0]["repositoryId"] != made[1]["repositoryId"]


def test_a_users_key_remembers_its_last_use(moorage: Server) -> None:
    iam = _client(moorage, "iam")
    iam.create_user(UserName="demo")
    key = iam.create_access_key(UserName="demo")["AccessKey"]
    arguments = moorage.boto3_arguments("eu-west-1") | {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }
    boto3.client("sts", **arguments).get_caller_identity()
    used: dict[str, Any] = {}
    while used.get("Region") != "eu-west-1":  # written within a second; the test's deadline bounds it
        used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert used["ServiceName"] == "sts"


def test_denials_reads_and_changes_leave_audit_rows(moorage: Server) -> None:
    iam = _client(moorage, "iam")
    iam.create_user(UserName="demo")
    key = iam.create_access_key(UserName="demo")["AccessKey"]
    arguments = moorage.boto3_arguments() | {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        boto3.client("codecommit", **arguments).get_repository(repositoryName="x")
    database = Database.open(f"sqlite:///{moorage.data / 'moorage.db'}")
    rows: dict[str, AuditEvent] = {}
    while "codecommit:GetRepository" not in rows:  # written within a second; the deadline bounds it
        with database.read() as connection:
            rows = {row.action: row for row in audit.recent(connection, moorage.account_id)}
    database.close()
    denied = rows["codecommit:GetRepository"]
    assert (denied.outcome, denied.principal_arn) == (
        "denied",
        f"arn:aws:iam::{moorage.account_id}:user/demo",
    )
    assert denied.resource_arn == f"arn:aws:codecommit:us-east-1:{moorage.account_id}:x"
    detail = json.loads(denied.detail)
    assert detail["errorCode"] == "AccessDenied"
    assert uuid.UUID(detail["requestId"]).version == 4
    assert rows["iam:CreateUser"].outcome == "allowed"
