from __future__ import annotations

import argparse
import io
from collections.abc import Callable

import pytest

from credentials_at_hand import KEY, SECRET, message, pairs
from moorage.cli import credential_helper
from moorage.cli import main as cli


class Stream:
    """A standard stream whose bytes can be read and written."""

    def __init__(self, content: bytes = b"") -> None:
        self.buffer = io.BytesIO(content)


def test_the_help_of_the_command_tells_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["credential-helper", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--profile", "--region", "--ignore-host-check", "--password-expiry", "get,store,erase"):
        assert option in shown


@pytest.mark.parametrize("operation", ["store", "erase"])
def test_store_and_erase_do_nothing(operation: str) -> None:
    assert cli.main(["credential-helper", "--profile", "no such profile", operation]) == 0


def test_without_an_operation_it_shows_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["credential-helper"]) == 2
    assert "usage: moorage credential-helper" in capsys.readouterr().err


def test_what_the_parser_read_is_answered_as_what_git_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    parser = argparse.ArgumentParser()
    credential_helper.add_arguments(parser)
    words = ["get", "--region", "eu-west-1", "--ignore-host-check", "--password-expiry"]
    runs: list[Callable[[], int]] = [
        lambda: credential_helper.run(parser.parse_args(words)),
        lambda: cli.main(["credential-helper", *words]),
    ]
    answers = []
    for run in runs:
        written = Stream()
        monkeypatch.setattr("sys.stdin", Stream(message("git.example.org")))
        monkeypatch.setattr("sys.stdout", written)
        assert run() == 0
        answers.append(pairs(written.buffer.getvalue()))
    assert answers[0].keys() == answers[1].keys() == {"username", "password", "password_expiry_utc"}
