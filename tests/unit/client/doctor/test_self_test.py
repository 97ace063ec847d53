"""`moorage doctor --self-test` passes on a machine that is well, and says what is not on one that is not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from moorage.cli import doctor
from moorage.client.doctor import self_test
from moorage.client.doctor.self_test import Row
from moorage.client.machine import ThisMachine

GIT = shutil.which("git") or "git"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a git on its PATH, and settings that must not be read."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(GIT)
    (tmp_path / ".gitconfig").write_text("[credential]\n\thelper = !echo username=mine; echo password=mine\n")
    return tmp_path


def machine(home: Path, python: str | None = None) -> ThisMachine:
    environment = {"HOME": str(home), "PATH": str(home / "bin"), "AWS_PROFILE": "mine", "GIT_DIR": "/x"}
    return ThisMachine(environment, folder=home, python=python)


def fake_git(home: Path, script: str) -> None:
    (home / "bin" / "git").unlink(missing_ok=True)
    (home / "bin" / "git").write_text(f"#!/bin/sh\n{script}\n")
    (home / "bin" / "git").chmod(0o755)


def tried(machine: ThisMachine, *names: str) -> dict[str, Row]:
    return {row.name: row for row in self_test.rows(machine, names or None)}


def test_nothing_fails_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(home.rglob("*"))
    assert doctor.try_itself(machine(home), as_json=False) == 0
    said = capsys.readouterr().out
    assert said.endswith("nothing failed\n")
    assert said.count("ok  ") >= 11
    assert sorted(home.rglob("*")) == before


def test_the_report_has_no_home_in_it(home: Path) -> None:
    own = machine(home, python=str(home / "python"))
    rows = list(self_test.rows(own, ["launcher", "through git", "signature"]))
    assert [row.ok for row in rows] == [False, False, True]  # the others go on
    report = self_test.as_text(own, rows)
    assert str(home) not in report
    assert "2 of 3 failed" in report


def test_a_git_that_does_not_tell_the_path_is_noticed(home: Path) -> None:
    fake_git(home, f'[ "$1" = credential ] || exec {GIT} "$@"\n/bin/grep -v ^path= | exec {GIT} "$@"')
    assert tried(machine(home), "through git")["through git"].ok is False


def test_a_git_that_asks_other_helpers_is_noticed(home: Path) -> None:
    fake_git(home, f'[ "$1" = credential ] || exec {GIT} "$@"\necho username=stale; echo password=stale')
    assert "stale" in tried(machine(home), "other helpers")["other helpers"].told


def test_what_cannot_be_tried_is_no_failure(home: Path) -> None:
    (home / "bin" / "git").unlink()
    found = tried(machine(home), "through git", "wildcard", "files")
    assert {name: row.ok for name, row in found.items()} == {
        "through git": None,
        "wildcard": None,
        "files": True,
    }
    fake_git(home, f'[ "$1" = --version ] && echo "git version 2.20.1" && exit\nexec {GIT} "$@"')
    assert tried(machine(home), "wildcard")["wildcard"].ok is None


def test_json_has_the_rows(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "TRIES", {"signature": self_test.TRIES["signature"]})
    assert doctor.try_itself(machine(home), as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"rows": [{"name": "signature", "ok": True, "told": "as the AWS CLI's, byte for byte"}]}
    assert os.environ.get("GIT_CONFIG_GLOBAL") is None
