"""The wheel's launcher and moorage.pyz, as they are installed, asked by real Git."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dev
import pytest

from credentials_at_hand import HOST, KEY, SECRET, message, pairs

pytestmark = pytest.mark.needs("git")

LAUNCHER = dev.ROOT / "launchers" / "git-credential-moorage"
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
SECONDS = 60


def run(
    *words: str | Path,
    stdin: bytes = b"",
    path: Path | str = "/usr/bin:/bin",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(word) for word in words],
        input=stdin,
        capture_output=True,
        env={"PATH": f"{path}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **KEYS, **(env or {})},
        timeout=SECONDS,
        check=False,
    )


def answered(done: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr.decode()
    return pairs(done.stdout)


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and nothing else, at a path with spaces."""
    folder = tmp_path_factory.mktemp("a place with spaces")
    wheels, made = folder / "wheels", folder / "my venv"
    for command in (
        [dev.BIN / "hatchling", "build", "-t", "wheel", "-d", wheels],
        [sys.executable, "-m", "venv", "--without-pip", made],
    ):
        subprocess.run([str(word) for word in command], cwd=dev.ROOT, check=True, capture_output=True)
    [wheel] = wheels.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", made / "bin" / "python"]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([str(word) for word in install], check=True, capture_output=True)
    return made


def configured(home: Path, *settings: tuple[str, str]) -> dict[str, str]:
    """Return the environment of a Git with these settings alone."""
    config = home / "gitconfig"
    env = {
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for key, value in settings:
        assert run("git", "config", "--file", config, "--add", key, value, env=env).returncode == 0
    return env


def test_git_finds_the_helper_by_its_short_name(venv: Path, tmp_path: Path) -> None:
    env = configured(tmp_path, ("credential.helper", "moorage"), ("credential.useHttpPath", "true"))
    told = answered(run("git", "credential", "fill", stdin=message(), path=venv / "bin", env=env))
    assert told["username"] == KEY
    assert len(told["password"]) == 80
    for operation in ("approve", "reject"):
        assert run("git", "credential", operation, stdin=message(), path=venv / "bin", env=env).stderr == b""


def test_git_is_told_why_there_is_no_answer(venv: Path, tmp_path: Path) -> None:
    env = configured(tmp_path, ("credential.helper", "moorage"))
    done = run("git", "credential", "fill", stdin=message(), path=venv / "bin", env=env)
    assert done.returncode == 128
    assert "moorage: Git does not tell the repository's path" in done.stderr.decode()
    assert f"'credential.https://{HOST}.useHttpPath' true" in done.stderr.decode()


def test_the_command_answers_as_the_aws_cli_does(venv: Path) -> None:
    told = answered(run(venv / "bin" / "moorage", "credential-helper", "get", stdin=message()))
    assert told.keys() == {"username", "password"}


def test_the_launcher_is_found_behind_links(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(venv / "bin" / "git-credential-moorage")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git-credential-moorage").symlink_to("../first")
    env = configured(tmp_path, ("credential.helper", "moorage"), ("credential.useHttpPath", "true"))
    told = answered(run("git", "credential", "fill", stdin=message(), path=tmp_path / "bin", env=env))
    assert told["username"] == KEY


def test_python_starts_without_site_and_without_what_lies_around(venv: Path, tmp_path: Path) -> None:
    for name in ("sitecustomize", "time", "_sha256", "moorage"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger was imported')\n")
    beside = next((venv / "lib").glob("python3*")) / "site-packages" / "__future__.py"
    beside.write_text("raise SystemExit('a neighbour was imported')\n")
    try:
        done = subprocess.run(
            [venv / "bin" / "git-credential-moorage", "get"],
            input=message(),
            capture_output=True,
            cwd=tmp_path,
            env={**KEYS, "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "time.py")},
            check=False,
        )
    finally:
        beside.unlink()
    assert answered(done)["username"] == KEY


@pytest.mark.parametrize("operation", ["store", "erase"])
def test_store_and_erase_end_before_any_python_starts(tmp_path: Path, operation: str) -> None:
    shutil.copy(LAUNCHER, tmp_path)  # no Python anywhere near it
    done = run(tmp_path / LAUNCHER.name, "--profile", "x", operation, stdin=message())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def packages(venv: Path) -> Path:
    return next((venv / "lib").glob("python3*")) / "site-packages"


def told_at(folder: Path) -> dict[str, str]:
    shutil.copy(LAUNCHER, folder)
    return answered(run(folder / LAUNCHER.name, "get", stdin=message()))


def test_the_launcher_tells_when_the_password_ends(venv: Path) -> None:
    told = answered(run(venv / "bin" / LAUNCHER.name, "get", stdin=message()))
    assert told.keys() == {"username", "password", "password_expiry_utc"}


def test_in_a_users_folder_it_takes_the_python_that_pip_wrote_down(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    place = tmp_path / "lib" / packages(venv).parent.name
    place.mkdir(parents=True)
    (place / "site-packages").symlink_to(packages(venv))
    (tmp_path / "bin" / "moorage").write_text(
        f"#!{Path(sys.executable).resolve()}\nraise SystemExit('not this way')\n"
    )
    (tmp_path / "bin" / "moorage").chmod(0o755)
    assert told_at(tmp_path / "bin")["username"] == KEY


def test_on_windows_folders_it_takes_the_python_there(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "Scripts" / "python.exe").symlink_to(Path(sys.executable).resolve())
    (tmp_path / "Lib").mkdir()
    (tmp_path / "Lib" / "site-packages").symlink_to(packages(venv))
    assert told_at(tmp_path / "Scripts")["username"] == KEY


def test_where_it_finds_no_python_it_hands_over_to_the_command(tmp_path: Path) -> None:
    # As after `pip install --editable`: the module is elsewhere. The interpreter line is sh's, as pip
    # writes it for a long path: it must not be taken for a Python.
    place = tmp_path / "lib" / "python3.11" / "site-packages" / "moorage" / "client"
    place.mkdir(parents=True)
    (place / "credential_helper.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "moorage").write_text('#!/bin/sh\nprintf "said=%s\\n" "$*"\n')
    (tmp_path / "bin" / "moorage").chmod(0o755)
    assert told_at(tmp_path / "bin") == {"said": "credential-helper --password-expiry get"}


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `python3 dev.py pyz` writes."""
    file = tmp_path_factory.mktemp("one file") / "moorage.pyz"
    assert dev.pyz([str(file)]) == 0
    return file


def test_one_file_is_the_helper_and_needs_python_alone(pyz: Path, tmp_path: Path) -> None:
    line = f"!'{sys.executable}' -I -S '{pyz}' credential-helper"
    env = configured(tmp_path, ("credential.helper", line), ("credential.useHttpPath", "true"))
    assert answered(run("git", "credential", "fill", stdin=message(), env=env))["username"] == KEY


def test_one_file_has_the_clients_commands_and_no_others(pyz: Path) -> None:
    shown = run(sys.executable, "-I", pyz, "--help").stdout.decode()
    assert {"credential-helper", "setup", "doctor", "version"} <= set(shown.split())
    assert "serve" not in shown.split()
    done = run(sys.executable, "-I", pyz, "serve")
    assert done.returncode == 2
    assert b"invalid choice" in done.stderr


def test_one_file_compiled_for_another_python_is_read_from_its_source(pyz: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pyz"
    import importlib.util

    other.write_bytes(pyz.read_bytes().replace(importlib.util.MAGIC_NUMBER, b"\0\0\r\n"))
    done = run(sys.executable, "-I", "-S", other, "credential-helper", "get", stdin=message())
    assert answered(done)["username"] == KEY


def test_one_file_is_the_same_each_time(pyz: Path, tmp_path: Path) -> None:
    assert dev.pyz([str(tmp_path / "again.pyz")]) == 0
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
