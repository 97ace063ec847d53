from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moorage import __version__
from moorage.cli import main as cli
from moorage.cli import options
from moorage.core.clock import SystemClock
from moorage.server import first_start
from moorage.server.data_folder import DataFolder
from moorage.server.options import OPTIONS
from moorage.server.settings_load import of
from moorage.storage.database import Database


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation as a first start makes it."""
    monkeypatch.delenv("MOORAGE_DATA", raising=False)
    settings = of({"data": str(tmp_path / "data"), "account_id": "123456789012"})
    DataFolder(settings.data).make()
    database = Database.open(settings.database_url)
    first_start.prepare(settings, database, {}, SystemClock())
    database.close()
    return settings.data


def _run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


def test_help_and_completion_need_nothing_but_the_standard_library() -> None:
    program = (
        "import sys\n"
        "for name in ('pydantic', 'pydantic_settings', 'sqlalchemy', 'uvicorn', 'starlette', 'structlog'):\n"
        "    sys.modules[name] = None\n"
        "from moorage.cli.main import main\n"
        "main(['completion', 'bash'])\n"
        "main(['serve', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--https HOST:PORT" in done.stdout


def test_without_the_servers_parts_a_command_says_how_to_install_them() -> None:
    program = (
        "import sys\nsys.modules['pydantic_settings'] = None\nsys.modules['sqlalchemy'] = None\n"
        "from moorage.cli.main import main\nsys.exit(main(['serve']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'moorage[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_setting_is_an_option_of_serve() -> None:
    parser = argparse.ArgumentParser()
    options.add(parser)
    text = parser.format_help()
    for option in OPTIONS:
        assert option.flag in text


def test_options_that_are_not_given_leave_the_word_to_environment_and_file() -> None:
    parser = argparse.ArgumentParser()
    options.add(parser)
    given = options.given(
        parser.parse_args(["--demo", "--trusted-proxy", "10.0.0.1", "--trusted-proxy", "::1"])
    )
    assert given == {"demo": True, "trusted_proxy": ["10.0.0.1", "::1"]}
    assert options.given(parser.parse_args(["--no-demo"])) == {"demo": False}


def test_a_wrong_setting_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("serve", "--workers", "0") == 1
    assert capsys.readouterr().err == (
        "moorage serve: --workers: '0' is not a whole number from 1 to 64. Write for example 2.\n"
    )


def test_an_abbreviated_option_is_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("serve", "--test") == 2
    assert "--test" in capsys.readouterr().err


def test_version_tells_moorage_python_and_git(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("version") == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"moorage {__version__}"
    assert second.startswith("Python 3.")
    assert third.startswith("git version ")


def test_account_create_prints_the_new_roots_key_as_json(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("account", "create", "--name", "class 7", "--json", "--data", data) == 0
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"accountId", "accessKeyId", "secretAccessKey"}
    assert _run("account", "list", "--json", "--data", data) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["accountId"], row["name"], row["state"]) for row in listed] == [
        ("123456789012", "default", "ACTIVE"),
        (made["accountId"], "class 7", "ACTIVE"),
    ]


def test_account_list_for_people_is_a_line_for_each(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("account", "list", "--data", data) == 0
    assert capsys.readouterr().out == "123456789012  ACTIVE  default\n"


def test_account_create_for_people_shows_the_secret_once(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("account", "create", "--name", "x", "--data", data) == 0
    assert "not shown again" in capsys.readouterr().out


def test_a_closed_account_is_listed_as_closed_and_cannot_be_closed_again(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("account", "close", "123456789012", "--data", data) == 0
    assert _run("account", "list", "--data", data) == 0
    assert "CLOSED" in capsys.readouterr().out
    assert _run("account", "close", "123456789012", "--data", data) == 1
    assert "no open account" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb"])
def test_an_account_needs_a_printable_name(data: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("account", "create", "--name", name, "--data", data) == 1
    assert "--name" in capsys.readouterr().err


def test_accounts_are_not_made_where_nothing_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("account", "create", "--name", "x", "--data", tmp_path / "none") == 1
    assert "moorage serve" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_accounts_need_the_right_root_key(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "root.key").unlink()
    assert _run("account", "create", "--name", "x", "--data", data) == 1
    assert "--root-key" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("completion", shell) == 0
    script = capsys.readouterr().out
    for command in cli.COMMANDS:
        assert command.name in script
    for option in OPTIONS:
        assert option.flag.lstrip("-") in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("moorage acc", "account"),
        ("moorage account cr", "create"),
        ("moorage account create --na", "--name"),
        ("moorage serve --test", "--test-mode"),
        ("moorage serve --demo --work", "--workers"),
        ("moorage completion fi", "fish"),
    ],
)
def test_bash_completes(line: str, offered: str, capsys: pytest.CaptureFixture[str]) -> None:
    _run("completion", "bash")
    script = capsys.readouterr().out
    words = line.split()
    ask = f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _moorage; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()
