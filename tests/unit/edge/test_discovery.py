from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.responses import Response

from moorage import __version__
from moorage.edge import discovery
from moorage.edge.discovery import PATH, Discovery, Surroundings

FOUND = Surroundings(
    domain="aws.example.org",
    default_region="us-east-2",
    api="https://git.example.org",
    clone_url_prefixes={
        "us-east-2": "https://git.example.org/v1/repos/",
        "eu-west-1": "https://git.example.org/v1/repos/",
    },
    ca="https://git.example.org/ca.pem",
    aws_names_ca="https://git.example.org/aws-names-ca.pem",
    ssh=[(2222, None)],
)


def ask(method: str = "GET", path: str = PATH, **headers: str) -> Response | None:
    scope: Any = {
        "method": method,
        "path": path,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return asyncio.run(Discovery(discovery.document(FOUND)).answer(scope))


def answered(method: str = "GET", **headers: str) -> Response:
    response = ask(method, **headers)
    assert response is not None
    return response


def test_the_document_tells_what_a_client_is_set_up_with() -> None:
    told = json.loads(bytes(answered().body))
    assert told == {
        "service": "moorage",
        "version": __version__,
        "domain": "aws.example.org",
        "default_region": "us-east-2",
        "regions": ["eu-west-1", "us-east-2"],
        "endpoints": dict.fromkeys(("codecommit", "iam", "kms", "sts"), "https://git.example.org"),
        "clone_url_prefixes": {
            "eu-west-1": "https://git.example.org/v1/repos/",
            "us-east-2": "https://git.example.org/v1/repos/",
        },
        "ssh": [{"port": 2222, "region": None}],
        "ca": "https://git.example.org/ca.pem",
        "aws_names": {"ca": "https://git.example.org/aws-names-ca.pem"},
    }


def test_nothing_of_the_request_is_in_it() -> None:
    asked = answered(host="evil.example", x_forwarded_host="evil.example", cookie="evil=1")
    assert asked.body == answered().body
    assert b"evil" not in bytes(asked.body) + repr(asked.raw_headers).encode()


def test_it_may_be_kept_for_a_while_and_is_not_sent_again_unchanged() -> None:
    first = answered()
    assert first.headers["cache-control"] == "public, max-age=300"
    again = answered(if_none_match=first.headers["etag"])
    assert (again.status_code, bytes(again.body)) == (304, b"")
    assert answered(if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_read_only(method: str) -> None:
    response = answered(method)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_other_paths_are_left_to_others() -> None:
    assert ask(path="/.well-known/other.json") is None
