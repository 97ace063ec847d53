"""What a run of the helper loads. Each module more is time in every `git fetch` of everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from credentials_at_hand import HOST, KEY, SECRET, message, pairs

FILE = Path(__file__).parents[3] / "src" / "moorage" / "client" / "credential_helper.py"

# Whoever adds to this list measures first: `python3 dev.py bench credential_helper`.
ALLOWED = {
    "__future__",
    "_sha2",  # the interpreter's own SHA-256, from 3.12
    "_sha256",  # before
    "moorage",
    "moorage.client",
    "moorage.client.aws_files",
    "moorage.client.credential_answer",
    "moorage.client.credential_protocol",
    "moorage.client.credential_run",
    "moorage.client.signing_hosts",
    "moorage.client.sources",
    "moorage.core",
    "moorage.core.sigv4",
}
BY_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


def loaded(
    *words: str, environment: Mapping[str, str] = BY_ENVIRONMENT, stdin: bytes = b""
) -> tuple[set[str], bytes]:
    """Return the modules that a run loads, and what it writes. The interpreter tells them itself."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", *words],
        input=stdin,
        capture_output=True,
        env=dict(environment),
        check=True,
    )
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines[1:]}, done.stdout


@pytest.fixture(scope="module")
def bare() -> set[str]:
    return loaded("-c", "pass")[0]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home with a profile that has keys, and a host that is set up."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile 'my own']\nregion = x\n"
    )
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    (tmp_path / ".config" / "moorage").mkdir(parents=True)
    (tmp_path / ".config" / "moorage" / "hosts").write_text("git.example.org:8443\n")
    return {"HOME": str(tmp_path)}


def test_with_keys_in_the_environment_a_run_loads_what_is_listed_here(bare: set[str]) -> None:
    modules, answered = loaded(str(FILE), "get", stdin=message())
    assert pairs(answered).keys() == {"username", "password", "password_expiry_utc"}
    assert modules - bare <= ALLOWED


@pytest.mark.parametrize("host", [HOST, "git.example.org:8443"])
def test_with_keys_in_a_file_it_loads_the_same(bare: set[str], home: dict[str, str], host: str) -> None:
    modules, answered = loaded(str(FILE), "get", environment=home, stdin=message(host))
    assert pairs(answered)["username"] == KEY
    assert modules - bare <= ALLOWED


def test_a_git_that_may_ask_again_costs_no_module_more(bare: set[str]) -> None:
    more = "capability[]=authtype\ncapability[]=state\n"
    modules, answered = loaded(str(FILE), "get", stdin=message(more=more))
    assert pairs(answered)["continue"] == "1"
    assert modules - bare <= ALLOWED


@pytest.mark.parametrize("operation", ["store", "erase"])
def test_store_and_erase_load_nothing(bare: set[str], operation: str) -> None:
    modules, answered = loaded(str(FILE), "--profile", "x", operation, stdin=message())
    assert answered == b""
    assert modules == bare


def test_the_command_hands_on_before_it_loads_its_parser(bare: set[str]) -> None:
    program = (
        f"import sys; sys.path.append({str(FILE.parents[2])!r}); from moorage.cli.main import main; "
        "sys.exit(main(['credential-helper', 'get']))"
    )
    modules, answered = loaded("-c", program, stdin=message())
    assert pairs(answered).keys() == {"username", "password"}
    assert modules - bare <= ALLOWED | {"moorage.cli", "moorage.cli.main", "moorage.client.credential_helper"}


def run(
    *words: str, stdin: bytes = b"", environment: Mapping[str, str] = BY_ENVIRONMENT
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(FILE), *words],
        input=stdin,
        capture_output=True,
        env=dict(environment),
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_reason_is_one_line_that_steers_no_terminal(tmp_path: Path) -> None:
    environment = {"HOME": f"{tmp_path}/\x1b[2Jx\n\u202e", "AWS_PROFILE": "a\x1b]0;b"}
    status, out, err = run("get", stdin=message(), environment=environment)
    assert (status, out) == (1, "")
    assert err.startswith("moorage: there is no profile a?]0;b in ")
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_a_fault_of_the_helpers_own_is_told_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "moorage").symlink_to(FILE.parents[1])
    program = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from moorage.client import credential_run\n"
        f"def broken(*told): raise ValueError('it is {SECRET}')\n"
        "credential_run.answer = broken\n"
        "sys.exit(credential_run.run(['get'], expiry=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], input=message(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert SECRET.encode() not in done.stderr
    assert (
        done.stderr
        == b"moorage: no answer, by a fault of its own: ValueError in <string>, line 3; please report it\n"
    )


def test_a_git_that_has_gone_away_costs_one_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(FILE), "get"],
            input=message(),
            stdout=writing,
            stderr=subprocess.PIPE,
            env=BY_ENVIRONMENT,
            check=False,
        )
    finally:
        os.close(writing)
    assert b"BrokenPipeError" in done.stderr
    assert b"Traceback" not in done.stderr


def test_wrong_usage_shows_how_it_is_used() -> None:
    status, out, err = run("--what", "get")
    assert (status, out) == (2, "")
    assert "there is no option --what\nusage: moorage credential-helper" in err


def test_an_operation_of_a_later_git_is_passed_over() -> None:
    assert run("capability", stdin=b"anything") == (0, "", "")


def test_another_services_host_costs_no_word() -> None:
    assert run("get", stdin=message("github.com", "a/b.git")) == (0, "", "")
