"""What `--fix` writes: shown and asked for, once, whole, and taken back by undo."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from doctor_at_hand import AWS_LINE, HOST, REMOTE, SECRET, SIGNATURE, Home
from doctor_faults import FIXABLE, PLANTED, Planted, name_of
from moorage.client import changes


def texts(home: Home) -> dict[str, str]:
    kept = (home.global_config, home.local_config, home.system_config, home.config, home.credentials)
    return {str(path): path.read_text() for path in kept if path.exists()}


@pytest.mark.parametrize("planted", [each for each in PLANTED if each.fault in FIXABLE], ids=name_of)
def test_a_fault_is_repaired_and_the_repair_undone(planted: Planted, tmp_path: Path) -> None:
    home = Home(tmp_path, planted.system)
    planted.plant(home)
    before = texts(home)
    said = home.doctor("--fix", "--yes", "--json")
    assert json.loads(said.out) == {"findings": []}
    assert said.status == 0
    assert SECRET not in said.err
    assert SIGNATURE not in said.err
    for journal in changes.journals(home.machine):
        changes.undo(home.machine, journal)
    assert texts(home) == before


def test_without_somebody_to_ask_nothing_is_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"{REMOTE}/")
    before = texts(home)
    said = home.doctor("--fix")
    assert said.status == 1
    assert "--yes repairs without asking" in said.err
    assert f"-\turl = {REMOTE}/" in said.err
    assert texts(home) == before


def test_a_moorage_that_was_moved_away_is_replaced_by_the_one_that_runs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.profile("my own")
    home.global_config.write_text("")
    home.section("", "!'/gone away/git-credential-moorage' --profile 'my own'")
    assert home.ids() == ["aws-not-found"]
    home.doctor("--fix", "--yes")
    assert home.ids() == []
    assert f"{home.facts().moorage_helper} --profile 'my own'" in home.global_config.read_text()


class Keyboard(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_somebody_is_asked(typed: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.remote(f"{REMOTE}/")
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    said = home.doctor("--fix")
    assert said.status == status
    assert said.err.count("Repair this? [y/N]") == 1


def test_several_faults_of_one_file_are_repaired_together(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write(home.system_config, "[credential]\n\thelper = manager\n")
    home.helper_program("manager", ":")
    home.section("aws --profile x codecommit credential-helper", url=f"https://{HOST}", path="")
    home.profile("x")
    home.remote(f"https://mary@{HOST}/v1/repos/demo/")
    assert len(home.ids()) == 5
    assert home.doctor("--fix", "--yes").status == 0
    assert home.global_config.read_text() == (
        f'[credential "https://{HOST}"]\n\thelper =\n'
        "\thelper = !aws --profile x codecommit credential-helper $@\n\tuseHttpPath = true\n"
    )


def test_a_file_with_crlf_and_comments_keeps_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.global_config.write_bytes(f"# mine\r\n[credential]\r\n\thelper = {AWS_LINE}\r\n".encode())
    assert home.doctor("--fix", "--yes").status == 0
    written = home.global_config.read_bytes()
    assert written.startswith(b"# mine\r\n[credential]\r\n")
    assert b"\n" not in written.replace(b"\r\n", b"")


def test_a_host_that_only_a_repository_names_is_never_set_up(tmp_path: Path) -> None:
    """A repository must not lead its reader to sign for its own host."""
    home = Home(tmp_path)
    home.remote("https://git-codecommit.us-east-1.amazonaws.com.evil.example/v1/repos/demo/")
    home.write(home.global_config, f"[credential]\n\thelper = store\n\thelper = {AWS_LINE}\n")
    before = home.global_config.read_text()
    home.doctor("--fix", "--yes")
    assert home.global_config.read_text() == before
    assert not (home.home / ".config" / "moorage" / "hosts").exists()


def test_what_one_fault_hid_is_repaired_too(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.section("", AWS_LINE, url=f"https://{HOST}:8443")
    (home.bin / "aws").unlink()
    assert home.ids("origin") == ["section-ignored"]
    assert home.doctor("origin", "--fix", "--yes").status == 0
    assert home.ids("origin") == []


def test_a_store_that_forgets_nothing_is_kept_away(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.helper_program("cache", f"echo username=x; echo password={SIGNATURE}", log="yes")
    home.write(home.global_config, f"[credential]\n\thelper = {AWS_LINE}\n\thelper = cache\n\tuseHttpPath\n")
    home.environment["GIT_EXEC_PATH"] = str(home.bin)
    said = home.doctor("--fix", "--yes")
    assert said.status == 0  # it forgot nothing, and is not asked any more


def test_a_server_on_this_machine_is_repaired_with_the_helper_at_hand(tmp_path: Path) -> None:
    """moorage's default domain, with the guide's lines and no set-up: nothing leaves the machine."""
    home = Home(tmp_path)
    home.remote(f"https://{HOST}.localhost:8443/v1/repos/demo")
    home.write(home.system_config, "[credential]\n\thelper = manager\n")
    home.helper_program("manager", f"echo username=x; echo password={SIGNATURE}")
    assert home.ids() == ["manager-answers-first", "stored-signature"]
    assert home.doctor("--fix", "--yes").status == 0
    assert home.global_config.read_text().endswith(
        f'[credential "https://{HOST}.localhost:8443"]\n'
        f"\thelper =\n\thelper = {AWS_LINE}\n\tuseHttpPath = true\n"
    )
