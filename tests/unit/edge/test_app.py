from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from moorage.core.secrets import Secret
from moorage.edge.app import App
from moorage.edge.status import Readiness, Status
from moorage.wire.regions import Regions

REGIONS = Regions()
TOKEN = "0123456789abcdef"


class NoPages:
    async def answer(self, scope: Any) -> Response | None:
        return PlainTextResponse("start") if scope["path"] == "/" else None


def _door(name: str) -> Callable[[Any, Any, Any], Any]:
    async def door(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(name)(scope, receive, send)

    return door


def _works() -> None:
    return None


def _fails() -> None:
    raise OSError("no such disk")


def _app(check: Callable[[], None] = _works, ca: Path | None = None) -> App:
    status = Status(Readiness({"database": check, "git": _works}), Secret(TOKEN), "2.39.5", ca)
    return App(_door("git"), _door("api"), status, NoPages(), REGIONS)


def ask(
    app: App, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *((k.encode(), v.encode()) for k, v in (headers or {}).items())],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], got, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize(
    ("path", "method", "door"),
    [
        ("/v1/repos/a/info/refs", "GET", b"git"),
        ("//v1/repos/a/git-receive-pack", "POST", b"git"),
        ("/", "POST", b"api"),
        ("/", "GET", b"start"),
    ],
)
def test_each_request_goes_to_its_door(path: str, method: str, door: bytes) -> None:
    assert ask(_app(), path, method)[2] == door


def test_every_answer_has_the_security_headers() -> None:
    for path in ("/", "/healthz", "/nowhere", "/v1/repos/a/info/refs"):
        headers = ask(_app(), path)[1]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_an_unknown_path_is_not_found() -> None:
    assert ask(_app(), "/nowhere")[0] == 404


def test_a_process_that_runs_is_healthy_even_when_it_is_not_ready() -> None:
    assert ask(_app(_fails), "/healthz")[0] == 200
    assert ask(_app(_fails), "/readyz")[0] == 503


def test_readiness_names_what_fails_and_tells_no_reason_to_strangers() -> None:
    status, _, body = ask(_app(_fails), "/readyz")
    assert json.loads(body) == {"database": "failed", "git": "ok"}
    assert status == 503
    assert json.loads(ask(_app(), "/readyz")[2]) == {"database": "ok", "git": "ok"}


def test_the_version_is_told() -> None:
    assert json.loads(ask(_app(), "/version")[2])["git"] == "2.39.5"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"authorization": TOKEN}],
)
def test_the_metrics_ask_for_their_token(headers: dict[str, str]) -> None:
    status, answered, _ = ask(_app(), "/metrics", headers=headers)
    assert status == 401
    assert answered["www-authenticate"].startswith("Bearer")


def test_the_metrics_count_requests_by_door_and_status() -> None:
    ask(_app(), "/nowhere")
    status, _, body = ask(_app(), "/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert status == 200
    assert b'moorage_requests_total{door="page",operation="",status="404"}' in body


def test_the_local_ca_is_handed_out_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("CERTIFICATE")
    assert ask(_app(ca=tmp_path / "ca.pem"), "/ca.pem")[2] == b"CERTIFICATE"
    assert ask(_app(), "/ca.pem")[0] == 404


def test_the_ca_for_awss_names_is_handed_out_where_there_is_one(tmp_path: Path) -> None:
    app = _app()
    assert ask(app, "/aws-names-ca.pem")[0] == 404
    (tmp_path / "aws.pem").write_text("CERTIFICATE")
    status = replace(app.status, aws_names_ca=tmp_path / "aws.pem")
    assert ask(replace(app, status=status), "/aws-names-ca.pem")[2] == b"CERTIFICATE"


def test_operators_endpoints_are_read_only() -> None:
    for path in ("/healthz", "/metrics", "/version"):
        status, headers, _ = ask(_app(), path, "POST")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
