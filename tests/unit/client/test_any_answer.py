"""Whatever a server, a program or a file says: credentials come of it, or one line that tells why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_home import NOW, Home, in_seconds
from moorage.client.sources import (
    Asked,
    Credentials,
    NoCredentials,
    cache,
    container,
    instance,
    login,
    process,
    sso_calls,
    sts,
    told,
)
from moorage.client.sources.http_call import Answer
from pretended_aws import pretending

ASKED = Asked({"HOME": "/nonexistent"}, None, NOW)
NAMES = (
    *("AccessKeyId", "SecretAccessKey", "SessionToken", "Token", "Expiration", "Version", "Credentials"),
    *("accessToken", "accessKeyId", "secretAccessKey", "sessionToken", "expiresAt", "expiration"),
    *("__type", "error", "message", "error_description"),
)
TIMES = [in_seconds(60), in_seconds(-60), "9999-12-31T23:59:59-23:59", "0001-01-01", "soon UTC"]
LEAVES: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 1, 1e400, {}, [], "", "text", *TIMES]
) | st.text(max_size=9)
FLAT = st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=9)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), LEAVES | FLAT, max_size=9)


Reader = Callable[[dict[str, object]], Credentials | None]
READERS: list[Reader] = [
    lambda found: container._credentials(found, NOW),
    lambda found: instance._credentials(found, NOW),
    lambda found: process.from_answer(found, "it", NOW),
    lambda found: cache.living(found, NOW, "it"),
    lambda found: login._of(found, ASKED),
]


@given(OBJECTS)
def test_any_object_is_credentials_of_text_or_told(found: dict[str, object]) -> None:
    for read in READERS:
        try:
            ours = read(found)
        except NoCredentials as error:
            assert str(error).isprintable()  # noqa: PT017  # most are refused, a few are not
            continue
        if ours is not None:
            assert isinstance(ours.access_key + ours.secret_key + (ours.token or ""), str)
            assert ours.expires_at is None or ours.expires_at > NOW


@given(OBJECTS | LEAVES)
def test_any_refusal_of_identity_center_is_one_line(found: object) -> None:
    answer = Answer(400, json.dumps(found).encode())
    assert sso_calls._refusal(sso_calls._object(answer), answer).isprintable()


@given(st.binary() | st.text().map(lambda text: f"<a><Code>{text}</Code></a>".encode()))
def test_any_bytes_of_sts_are_read_or_are_none(body: bytes) -> None:
    assert all(isinstance(text, str) for text in sts._parsed(body).values())


@given(st.text() | st.just("\u2028\u202e\x9b\x1b[2J\r\n"), st.integers(2, 50))
def test_what_others_say_is_one_short_line(text: str, limit: int) -> None:
    for said in (told.one_line(text, limit), told.last_line(text, limit)):
        assert said.isprintable()
        assert len(said) <= limit


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = cache.moment(text)
    assert found is None or cache.moment(cache.written(found)) == pytest.approx(found, abs=1)


def test_a_token_that_no_header_may_hold_is_not_repeated(tmp_path: Path) -> None:
    with pretending() as aws:
        home = Home(tmp_path / "home", aws)
        home.environment |= {
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_SESSION_TOKEN": "very-secret\r\nX: y",
        }
        home.config("[profile x]\nrole_arn = arn:r\ncredential_source = Environment\n")
        assert "very-secret" not in home.why_not("x")
        assert aws.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "2030-03-17T17:46:40Z",
        "2030-03-17T17:46:40UTC",  # botocore's cache
        "2030-03-17T17:46:40+00:00",
        "2030-03-17T18:46:40.000+0100",
        "2030-03-17T17:46:40",
        " 2030-03-17 17:46:40 Z",
    ],
)
def test_times_are_read_as_awss_tools_write_them(text: str) -> None:
    assert cache.moment(text) == NOW
