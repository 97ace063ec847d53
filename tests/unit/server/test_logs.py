from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from moorage.core.secrets import Secret
from moorage.server import logs

SECRET = "wJalrXUtnFEMI/K7MDENG"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _line(**fields: Any) -> dict[str, Any]:
    stream = io.StringIO()
    logs.configure("json", stream)
    structlog.get_logger("moorage.test").info("something happened", **fields)
    assert stream.getvalue().count("\n") == 1
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def test_a_line_is_json_with_time_level_logger_and_fields() -> None:
    line = _line(repository_id="r-1", count=3)
    assert line["event"] == "something happened"
    assert (line["level"], line["logger"], line["repository_id"], line["count"]) == (
        "info",
        "moorage.test",
        "r-1",
        3,
    )
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "password",
        "session_token",
        "aws_secret_access_key",
        "signature",
        "query_string",
        "Cookie",
    ],
)
def test_fields_named_like_secrets_are_hidden_at_any_depth(name: str) -> None:
    line = _line(**{name: SECRET, "outer": [{"inner": {name: SECRET}}]})
    assert SECRET not in json.dumps(line)
    assert line[name] == logs.HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {SECRET}",
        f"authorization=Bearer {SECRET}",
        f"AWS4-HMAC-SHA256 Credential=AKIA/20260101, SignedHeaders=host, Signature={SECRET}",
        f"password={SECRET}&x=1",
        f'{{"password": "{SECRET}"}}',
        f"aws_secret_access_key = {SECRET}",
        f"X-Amz-Security-Token: {SECRET}",
        f"GET /v1/repos/x?X-Amz-Signature={SECRET}",
        f"https://host.example/?a={SECRET}",
        f"cloning https://AKIA:{SECRET}@host.example/v1/repos/x",
    ],
)
def test_secrets_inside_texts_are_hidden(text: str) -> None:
    line = _line(detail=text, other=text.encode())
    assert SECRET not in json.dumps(line)


def test_a_traceback_is_redacted_too() -> None:
    stream = io.StringIO()
    logs.configure("json", stream)
    try:
        int(f"password={SECRET}")
    except ValueError:
        structlog.get_logger("moorage.test").exception("it failed")
    assert SECRET not in stream.getvalue()
    assert "ValueError" in json.loads(stream.getvalue())["exception"]


def test_a_librarys_line_is_redacted_too() -> None:
    stream = io.StringIO()
    logs.configure("json", stream)
    logging.getLogger("some.library").warning("token=%s", SECRET)
    assert SECRET not in stream.getvalue()
    assert json.loads(stream.getvalue())["level"] == "warning"


def test_control_characters_are_escaped_also_on_a_terminal() -> None:
    stream = io.StringIO()
    logs.configure("console", stream)
    structlog.get_logger("moorage.test").info("name", name="a\nFAKE LINE\x1b[31m\u202e")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b[31m" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_a_secret_object_never_shows() -> None:
    assert SECRET not in json.dumps(_line(thing=Secret(SECRET)))


def test_ordinary_texts_stay_as_they_are() -> None:
    text = "arn:aws:codecommit:us-east-2:123456789012:MyDemoRepo refused at /v1/repos/MyDemoRepo"
    assert logs.redact_text(text) == text
