"""A command that is stopped, or that nobody reads, ends by a line and never with a traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.cli.ending import STOPPED, ended

MOORAGE = Path(sys.executable).with_name("moorage")
FULL = Path("/dev/full")


def _moorage(home: Path, *words: str, **others: object) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    told = {"stderr": subprocess.PIPE, **others}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # the options are a mapping
        [MOORAGE, *words], env=environment, cwd=home, text=True, check=False, **told
    )


def test_ctrl_c_at_a_question_ends_with_a_shells_status(tmp_path: Path) -> None:
    person, terminal = pty.openpty()
    with subprocess.Popen(
        [MOORAGE, "setup"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "URL of the server" in process.stderr.read(17)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    os.close(person)
    os.close(terminal)
    assert process.returncode == STOPPED
    assert "Traceback" not in error
    assert not (tmp_path / ".gitconfig").exists()


def test_a_reader_that_leaves_is_told_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = _moorage(tmp_path, "setup", "--dry-run", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("words", [("completion", "fish"), ("--version",)])  # more than a buffer, and less
def test_an_output_that_is_full_is_said(words: tuple[str, ...], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = _moorage(tmp_path, *words, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "moorage: the output cannot be written: No space left on device\n"


def test_closed_streams_lead_nowhere(tmp_path: Path) -> None:
    def closed() -> None:
        for descriptor in (0, 1, 2):
            os.close(descriptor)

    done = _moorage(tmp_path, "setup", "--dry-run", stderr=None, preexec_fn=closed)
    assert done.returncode == 0


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = _moorage(gone, "doctor", "--offline", preexec_fn=gone.rmdir)
    assert (done.returncode, done.stderr) == (
        1,
        "moorage: this folder is there no longer: change to another\n",
    )


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    done = _moorage(tmp_path)
    assert done.returncode == 2
    assert "have git sign in" in done.stderr


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_what_is_no_matter_of_the_output_goes_on(error: type[Exception]) -> None:
    def failing() -> int:
        raise error

    with pytest.raises(error):
        ended(failing)


def _stopped() -> int:
    raise KeyboardInterrupt


def _refused() -> int:
    raise SystemExit(1)


@pytest.mark.parametrize(("run", "status"), [(_stopped, STOPPED), (lambda: 3, 3)])
def test_the_status_is_the_commands_own(run: Callable[[], int], status: int) -> None:
    assert ended(run) == status


def test_a_command_may_end_the_program() -> None:
    with pytest.raises(SystemExit):
        ended(_refused)
