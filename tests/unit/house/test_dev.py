"""`dev.py` starts at once when the environment stands, and says plainly what is missing when it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dev
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `dev.py` reads of a checkout, in a folder without an environment."""
    for name in ("dev.py", "pyproject.toml", "requirements", "src/moorage/__init__.py"):
        there = tmp_path / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, there)
        else:
            shutil.copy(ROOT / name, there)
    return tmp_path


def call(clone: Path, *words: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, clone / "dev.py", *words],
        env={"PATH": path, "HOME": str(clone)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_git_it_says_what_to_install(clone: Path) -> None:
    done = call(clone, "check", path=str(clone))
    assert done.returncode == 2
    assert done.stderr == "dev.py: missing: git. On Debian: apt-get install git\n"
    assert not (clone / ".venv").exists()


def test_an_unknown_command_names_the_known_ones(clone: Path) -> None:
    done = call(clone, "deploy", path="/usr/bin")
    assert done.returncode == 2
    for command in ("run", "test", "check", "bench", "lock"):
        assert command in done.stderr


def environment_of(clone: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(dev, "ROOT", clone)
    monkeypatch.setattr(dev, "REQUIREMENTS", clone / "requirements")
    monkeypatch.setattr(dev, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(dev, "STAMP", clone / "stamp.json")
    return dev.stamp_of_files()


def test_a_stamp_of_all_requirements_serves_every_command(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = environment_of(clone, monkeypatch)
    assert not dev.is_current("server", wanted)
    dev.STAMP.write_text(json.dumps(wanted))
    assert dev.is_current("server", wanted)
    assert dev.is_current("dev", wanted)


def test_a_stamp_of_the_server_alone_does_not_serve_the_tests(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = environment_of(clone, monkeypatch)
    dev.STAMP.write_text(json.dumps({key: wanted[key] for key in ("place", "project", "server")}))
    assert dev.is_current("server", wanted)
    assert not dev.is_current("dev", wanted)


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "pyproject.toml"])
def test_a_change_of_the_lock_or_the_project_makes_the_environment_again(
    clone: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    dev_stamp = environment_of(clone, monkeypatch)
    dev.STAMP.write_text(json.dumps(dev_stamp))
    with (clone / changed).open("a") as file:
        file.write("\n# changed\n")
    assert not dev.is_current("dev", dev.stamp_of_files())


def test_a_broken_stamp_is_no_stamp(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = environment_of(clone, monkeypatch)
    for text in ("", "{", "[]", "null"):
        dev.STAMP.write_text(text)
        assert not dev.is_current("server", wanted)


def test_the_locks_agree_and_name_no_host() -> None:
    whole = pins(ROOT / "requirements" / "dev.txt")
    for part in ("server", "build"):
        assert pins(ROOT / "requirements" / f"{part}.txt") <= whole
    for path in (ROOT / "requirements").iterdir():
        assert "://" not in path.read_text()


def test_the_base_install_needs_nothing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []
    assert {"server", "postgres", "s3"} <= project["optional-dependencies"].keys()


def pins(path: Path) -> set[str]:
    lines = path.read_text().splitlines()
    return {line.split(" ", maxsplit=1)[0] for line in lines if "==" in line and not line.startswith(" ")}
