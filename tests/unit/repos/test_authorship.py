"""Who is written into a commit: what the caller says, less what Git cannot write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identities_at_hand import ACCOUNT, NOW
from moorage.core.arn import iam_arn
from moorage.core.principal import Caller, Principal, Session
from moorage.repos.authorship import signature

USER = Principal("user", iam_arn("aws", ACCOUNT, "user/team/mary"), ACCOUNT, "aws", "AIDA", user_name="mary")


def caller(principal: Principal = USER) -> Caller:
    return Caller(principal, "us-east-1", "request-id", NOW)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("Mary Major", "Mary Major"),
        (" Mary\n<Major>\x00 ", "MaryMajor"),
        ("Söx, Jr.", "Söx, Jr"),
        ("\ud800", "?"),
        ("", "mary"),
        (None, "mary"),
        ("<>", "mary"),
    ],
)
def test_a_name_is_written_as_git_can_write_it(given: str | None, written: str) -> None:
    assert signature(caller(), given, None, NOW).name == written


def test_an_address_not_given_is_left_blank() -> None:
    assert signature(caller(), "Mary", None, NOW).line().startswith(b"Mary <> ")
    assert signature(caller(), "Mary", "mary@example.com", NOW).email == "mary@example.com"


def test_a_session_and_root_are_named_too() -> None:
    session = Session(NOW, NOW, USER.arn, "AROA", name="build-7")
    role = replace(USER, kind="role-session", user_name=None, session=session)
    root = Principal("root", iam_arn("aws", ACCOUNT, "root"), ACCOUNT, "aws", ACCOUNT)
    assert signature(caller(role), None, None, NOW).name == "build-7"
    assert signature(caller(root), None, None, NOW).name == "root"
    assert signature(caller(), None, None, NOW, default=str(USER.arn)).name == USER.arn
    dots = replace(USER, user_name="...")
    assert signature(caller(dots), None, None, NOW).name == USER.arn
