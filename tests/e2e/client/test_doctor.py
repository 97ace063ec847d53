"""Faults planted on a real clone: git fails as reported, doctor names the fault, and after --fix git works.

The AWS CLI is faked by a script that reads its words as the CLI does and signs at once: starts of the real
one are slow, and the guide's own tests drive it. Git and the server are real.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from doctor_at_hand import arguments
from e2e_names import POWER_USER, NewPerson
from moorage.cli import doctor
from moorage.client.doctor import probing
from moorage.client.machine import ThisMachine
from person import VENV_BIN, Person
from rival_helpers import install, signature
from service_process import Service

pytestmark = pytest.mark.needs("git")

PATH = "v1/repos/demo"
LINE = "!aws codecommit credential-helper $@"
Key = tuple[str, str]

# `--profile NAME` goes first; what comes then must be the helper. Without the path it says what AWS's says.
AWS = """#!/bin/sh
case $1 in --version) echo aws-cli/1.45.11 Python/3.11.7 botocore/1.43.11; exit ;; esac
case $1 in --profile) shift 2 ;; esac
case "$1 $2" in "codecommit credential-helper") ;; *) echo "Unknown options: $1" >&2; exit 252 ;; esac
asked=$(cat)
case $asked in *path=*) ;; *) echo "'path'" >&2; exit 255 ;; esac
printf '%s\\n' "$asked" | {quick} "$3"
"""


class Clone(NamedTuple):
    person: Person
    folder: Path
    host: str
    key: Key

    def section(self, *entries: str, url: str = "") -> None:
        """Write the user's file: one section, by its lines."""
        lines = "".join(f"\t{each}\n" for each in entries)
        text = f'[credential "{url or f"https://{self.host}"}"]\n{lines}'
        (self.person.home / ".gitconfig").write_text(text)

    def fetch_fails(self) -> str:
        return self.person.refused("git", "fetch", cwd=self.folder)

    def fetches(self) -> None:
        self.person.ok("git", "fetch", cwd=self.folder)

    def doctor(self, *words: str) -> tuple[int, list[str]]:
        """Run the command within this process; return its status and the ids of what it found."""
        out, err = io.StringIO(), io.StringIO()
        machine = ThisMachine(self.person.env, folder=self.folder)
        with redirect_stdout(out), redirect_stderr(err):
            status = doctor.examine(machine, arguments("--json", *words), probing.probes)
        assert self.key[1] not in out.getvalue() + err.getvalue()
        return status, [each["id"] for each in json.loads(out.getvalue())["findings"]]


@pytest.fixture(scope="module")
def key(service: Service) -> Key:
    service.create_repository("demo")
    return service.create_user("mary", POWER_USER)


@pytest.fixture
def clone(new_person: NewPerson, service: Service, key: Key) -> Clone:
    person = new_person()
    person.use_a_quick_helper(key)
    programs = person.home / ".local" / "bin"
    (programs / "aws").write_text(AWS.format(quick=shlex.quote(str(programs / "quick-helper"))))
    person.write_profile(key)
    (person.home / ".aws" / "credentials").chmod(0o600)
    host = f"{service.host('us-east-2')}:{service.port}"
    made = Clone(person, person.home / "demo", host, key)
    made.section("helper =", f"helper = {LINE}", "useHttpPath = true")
    person.ok("git", "clone", "--quiet", f"https://{host}/{PATH}")
    return made


def test_a_healthy_clone_has_no_finding(clone: Clone) -> None:
    assert clone.doctor() == (0, [])
    said = clone.person.ok(VENV_BIN / "moorage", "doctor", "origin", cwd=clone.folder)
    assert said.endswith("nothing is wrong\n")


def without_path(clone: Clone) -> None:
    clone.section("helper =", f"helper = {LINE}")


def without_exclamation_mark(clone: Clone) -> None:
    clone.section("helper =", f"helper = {LINE.removeprefix('!')}", "useHttpPath = true")


def as_cmd_leaves_it(clone: Clone) -> None:
    clone.section("helper =", "helper = '!aws", "useHttpPath = true")


def profile_without_quotes(clone: Clone) -> None:
    clone.person.write_profile(clone.key, profile="My Work")
    line = LINE.replace("aws", "aws --profile My Work")
    clone.section("helper =", f"helper = {line}", "useHttpPath = true")


def user_and_slash_in_the_url(clone: Clone) -> None:
    clone.section("helper =", f"helper = {LINE}")
    url = f"https://mary@{clone.host}/{PATH}/"
    clone.person.ok("git", "remote", "set-url", "origin", url, cwd=clone.folder)


def manager_with_an_old_signature(clone: Clone) -> None:
    person, host = clone.person, clone.host
    del person.env["GIT_CONFIG_NOSYSTEM"]
    person.env["GIT_CONFIG_SYSTEM"] = str(person.home / "etc-gitconfig")
    (person.home / "etc-gitconfig").write_text("[credential]\n\thelper = manager\n")
    manager = install(person.home / ".local" / "bin", "manager", erases=False)
    day = datetime.now(UTC) - timedelta(days=1)
    old = signature(host, PATH, secret=clone.key[1], region="us-east-2", now=day)
    manager.keep(host, PATH, clone.key[0], old)
    clone.section(f"helper = {LINE}", "useHttpPath = true")


@pytest.mark.parametrize(
    ("plant", "ids"),
    [
        (without_path, {"use-http-path-unset"}),
        (without_exclamation_mark, {"helper-lacks-exclamation-mark"}),
        (as_cmd_leaves_it, {"helper-quoting"}),
        (profile_without_quotes, {"profile-unquoted"}),
        (user_and_slash_in_the_url, {"use-http-path-unset", "user-in-url", "trailing-slash"}),
        (manager_with_an_old_signature, {"manager-answers-first", "stored-signature", "signature-refused"}),
    ],
)
def test_a_planted_fault_is_named_and_repaired(
    clone: Clone, plant: Callable[[Clone], None], ids: set[str]
) -> None:
    plant(clone)
    clone.fetch_fails()
    status, named = clone.doctor("origin")
    assert (status, set(named)) == (1, ids)
    assert clone.doctor("origin", "--fix", "--yes") == (0, [])
    clone.fetches()


def test_faults_that_a_person_must_repair_are_named(clone: Clone) -> None:
    """Of the server's certificate, the variables, a section for another port: all at once."""
    person = clone.person
    (person.home / "other.pem").write_text("no certificate")
    person.git_global(f"http.https://{clone.host}.sslCAInfo", str(person.home / "other.pem"))
    person.env |= {"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "home"}
    person.env["GIT_SSL_CAINFO"] = str(person.home / "none.pem")
    assert "SSL CA cert" in clone.fetch_fails()
    status, named = clone.doctor()
    assert status == 1
    assert {"ca-settings-disagree", "ca-file-missing", "profiles-disagree", "unknown-profile"} <= set(named)


def test_a_section_for_another_port_is_no_section(clone: Clone) -> None:
    clone.section(
        "helper =", f"helper = {LINE}", "useHttpPath = true", url=f"https://{clone.host.partition(':')[0]}:1"
    )
    assert "could not read Username" in clone.fetch_fails()
    assert clone.doctor("origin")[1] == ["section-ignored"]
