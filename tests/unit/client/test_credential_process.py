"""`credential_process`: its words, its answer, and its bounds."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
from botocore.compat import compat_shell_split
from hypothesis import given
from hypothesis import strategies as st

from aws_home import NOW, Home, in_seconds
from moorage.client.sources import NoCredentials, process
from pretended_aws import PretendedAws

GOOD = {"Version": 1, "AccessKeyId": "AKIAP", "SecretAccessKey": "p-secret", "SessionToken": "t"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", PretendedAws("http://127.0.0.1:1"))


def printing(home: Home, text: str) -> None:
    file = home.folder / "the answer"
    file.write_text(text)
    home.config(f"[profile p]\ncredential_process = /bin/cat '{file}'\n")


def test_the_answer_is_taken_with_its_token_and_end(home: Home) -> None:
    printing(home, json.dumps({**GOOD, "Expiration": in_seconds(60)}))
    ours = home.key("p")
    assert (ours.access_key, ours.secret_key, ours.token) == ("AKIAP", "p-secret", "t")
    assert ours.expires_at == NOW + 60


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps({**GOOD, "Version": 2}), "version 2: only 1"),
        (json.dumps({"AccessKeyId": "A"}), 'version "none"'),
        (json.dumps({**GOOD, "SecretAccessKey": None}), "without SecretAccessKey"),
        (json.dumps({**GOOD, "AccessKeyId": ""}), "without AccessKeyId"),
        (json.dumps({**GOOD, "Expiration": "soon"}), "no time of ISO 8601"),
        (json.dumps({**GOOD, "Expiration": in_seconds(-1)}), "expired at 2030-03-17T17:46:39Z"),
        ("p-secret", "no JSON object"),
        ("[]", "no JSON object"),
        ("\xff", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ("{" + " " * process.MAX_OUTPUT_BYTES, f"more than {process.MAX_OUTPUT_BYTES} bytes"),
    ],
    ids=range(11),
)
def test_what_is_no_answer_is_told_without_what_was_printed(home: Home, text: str, told: str) -> None:
    printing(home, text)
    said = home.why_not("p")
    assert told in said
    assert "p-secret" not in said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/no/such/program --x", "cannot be run: /no/such/program: No such file or directory"),
        ("/bin/sh -c 'echo first >&2; echo \"the \033[31mreason\" >&2; exit 3'", "status 3: the [31mreason"),
        ("/bin/false", "ended with status 1"),
        ("/bin/echo 'x", "a quote that does not end"),
        ("", "is empty"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_line(home: Home, line: str, told: str) -> None:
    home.config(f"[profile p]\ncredential_process = {line}\n")
    assert told in home.why_not("p")


def test_no_shell_reads_the_line(home: Home) -> None:
    home.config("[profile p]\ncredential_process = /bin/echo $(touch x); `touch y` > z | cat\n")
    assert "no JSON object" in home.why_not("p")
    assert list(Path.cwd().glob("[xyz]")) == []


def test_a_program_sees_the_environment_and_no_input(home: Home) -> None:
    program = "import os, sys; assert sys.stdin.read() == ''; print(os.environ['ANSWER'])"
    home.environment["ANSWER"] = json.dumps(GOOD)
    home.config(f"[profile p]\ncredential_process = {shlex.join([sys.executable, '-c', program])}\n")
    assert home.key("p").access_key == "AKIAP"


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(NoCredentials, match=r"it did not end within 0\.1 seconds"):
        process.output(["/bin/sleep", "600"], {}, "it", 0.1)


def test_a_program_that_prints_without_end_is_ended() -> None:
    with pytest.raises(NoCredentials, match="it printed more than"):
        process.output(["/usr/bin/yes"], {}, "it", 20)


def test_a_child_that_outlives_its_program_is_not_waited_for() -> None:
    script = "sleep 600 >&2 & echo $!"
    child = int(process.output(["/bin/sh", "-c", script], {"PATH": "/bin"}, "it", 20))
    os.kill(child, signal.SIGTERM)  # it held the program's output open all the while


BLANK_AND_QUOTES = st.text(alphabet="ab \t\\\"'", max_size=12) | st.text(max_size=12)


@given(BLANK_AND_QUOTES, st.sampled_from(["win32", "linux"]))
def test_words_are_cut_as_botocore_cuts_them(line: str, platform: str) -> None:
    try:
        theirs = compat_shell_split(line, platform)
    except ValueError:
        with pytest.raises(ValueError, match=r"quot|escaped"):
            process.split(line, windows=platform == "win32")
    else:
        assert process.split(line, windows=platform == "win32") == theirs


def test_programs_are_never_looked_for_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "aws").write_text("#!/bin/sh\n")
        (folder / "aws").chmod(0o700)
    monkeypatch.chdir(tmp_path)
    assert process.program("aws", {"PATH": "bin:.::"}) is None
    assert process.program("aws", {"PATH": f"bin:{tmp_path}/bin"}) == f"{tmp_path}/bin/aws"
    assert process.program("aws", {}) is None
