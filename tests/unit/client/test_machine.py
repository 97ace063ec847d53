"""The machine as setup and doctor see it: bounded, and obeying nothing of a stranger's folder."""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path

from moorage.client import machine
from moorage.client.machine import ThisMachine


def program(folder: Path, name: str, text: str = "exit 0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_program_in_the_users_folder_is_not_taken_for_one_on_the_path(tmp_path: Path) -> None:
    program(tmp_path / "repository", "git")
    program(tmp_path / "repository", "git.exe")
    real = program(tmp_path / "bin", "git.exe")
    here = tmp_path / "repository"
    for path in ("", ".", "repository", ":/nowhere"):
        assert ThisMachine({"PATH": path}, folder=here, system="windows").which("git") is None
        assert ThisMachine({"PATH": path}, folder=here).which("git") is None
    both = ThisMachine({"PATH": f".:{tmp_path}/bin"}, folder=here, system="windows")
    assert both.which("git") == str(real)
    assert both.which("git.exe") == str(real)
    assert ThisMachine({"PATH": str(tmp_path / "bin")}, system="linux").which("git") is None


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    slow = program(tmp_path, "slow", f"sleep 60 & echo $! >{tmp_path}/child; echo said; wait")
    started = time.monotonic()
    ran = ThisMachine({"PATH": "/usr/bin:/bin"}, folder=tmp_path).run([str(slow)], timeout_s=0.5)
    assert (ran.status, ran.stdout) == (machine.TIMED_OUT, "said\n")
    assert time.monotonic() - started < 5
    with contextlib.suppress(ProcessLookupError):  # gone already
        child = os.pidfd_open(int((tmp_path / "child").read_text()))
        ended, _, _ = select.select([child], [], [], 10)  # what was killed may take a moment to end
        os.close(child)
        assert ended


def test_a_program_that_cannot_start_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    here = ThisMachine({}, folder=tmp_path)
    assert here.run([str(tmp_path / "none")]).status == machine.NOT_FOUND
    assert here.run(["x\0y"]).status == machine.NOT_FOUND


def test_only_regular_files_of_a_bearable_size_are_read(tmp_path: Path) -> None:
    here = ThisMachine({}, folder=tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(machine.MAX_FILE_BYTES + 1)
    (tmp_path / "odd").write_bytes(b"\xef\xbb\xbfa\r\n\xff")
    for name in ("pipe", "large", "none", "."):
        assert here.read(tmp_path / name) is None
    assert machine.encoded(here.read(tmp_path / "odd") or "") == b"\xef\xbb\xbfa\r\n\xff"
    assert here.names(tmp_path) == ["large", "odd", "pipe"]
    assert here.names(tmp_path / "none") == []


def test_folders_are_where_each_system_has_them(tmp_path: Path) -> None:
    linux = ThisMachine(
        {"HOME": "/home/m", "XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": "/s"}, system="linux"
    )
    assert (linux.config_folder, linux.state_folder) == (Path("/home/m/.config/moorage"), Path("/s/moorage"))
    windows = ThisMachine(
        {"USERPROFILE": "C:/Users/m", "HOME": "/d/m", "APPDATA": "C:/r", "LOCALAPPDATA": "C:/l"},
        system="windows",
    )
    assert (windows.home, windows.git_home) == (Path("C:/Users/m"), Path("d:/m"))
    assert (windows.config_folder, windows.state_folder) == (Path("C:/r/moorage"), Path("C:/l/moorage"))


def test_what_is_shown_moves_no_cursor() -> None:
    assert machine.printable("a\x1b[31m\n\u202eé\x7f") == "a\\x1b[31m\\x0a\ufffdé\\x7f"
