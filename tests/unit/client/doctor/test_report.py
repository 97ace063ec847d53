"""What doctor prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doctor_at_hand import HOST, SIGNATURE, Home
from moorage.client.doctor.catalogue import CATALOGUE
from moorage.client.doctor.finding import found
from moorage.client.doctor.report import as_json


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"https://mary@{HOST}/v1/repos/demo")
    said = home.doctor("--json")
    (finding,) = json.loads(said.out)["findings"]
    assert list(finding) == ["id", "severity", "problem", "evidence", "remedy", "fixable"]
    assert (finding["id"], finding["severity"], finding["fixable"]) == ("user-in-url", "warning", True)
    assert said.status == 1


def test_text_has_problem_place_consequence_and_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"https://mary@{HOST}/v1/repos/demo")
    lines = home.doctor().out.splitlines()
    assert lines[2] == f"warning: The URL names a user: https://mary@{HOST}/v1/repos/demo [user-in-url]"
    assert lines[3] == f"    found:  remote.origin.url in {home.local_config}, line 4 (local)"
    assert lines[4].startswith("    so:     Git first sends that name")
    assert lines[5] == f"    do:     git remote set-url origin https://{HOST}/v1/repos/demo"
    assert lines[-1] == "1 warning; moorage doctor --fix can repair 1"


def test_the_gravest_come_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.profile("default", region="eu-west-1")
    home.remote(f"https://mary@{HOST}/v1/repos/demo")
    home.credentials.unlink()
    home.aws(answer="exit 255")
    severities = [each.severity for each in home.findings()]
    assert severities == ["error", "warning", "note"]


def test_two_hosts_with_the_same_fault_are_both_named(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.global_config.unlink()
    home.add(
        home.local_config,
        f'[remote "other"]\n\turl = https://{HOST.replace("commit", "commit-fips")}/v1/repos/x\n',
    )
    assert home.ids() == ["no-helper", "no-helper"]


@pytest.mark.parametrize("wanted", ["nobody", "git@github.com:octo/demo.git", "ssh://host/x", "", "/srv/x"])
def test_what_is_no_remote_and_no_url_is_bad_usage(wanted: str, tmp_path: Path) -> None:
    said = Home(tmp_path).doctor(wanted)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("moorage doctor: ")


@pytest.mark.parametrize("wanted", [HOST, f"{HOST}/v1/repos/demo", "localhost:8443", "localhost"])
def test_a_host_may_be_named_without_its_protocol(wanted: str, tmp_path: Path) -> None:
    said = Home(tmp_path).doctor(wanted)
    assert f"looked at https://{wanted}" in said.out


def test_a_file_that_may_not_be_read_has_no_line_to_correct(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.credentials.unlink()
    home.credentials.symlink_to("credentials")
    (told,) = [each for each in home.findings() if each.id in {"aws-file-broken", "no-credentials"}]
    assert "Correct that line" not in told.remedy
    home.global_config.unlink()
    home.global_config.symlink_to(".gitconfig")
    (broken,) = [each for each in home.findings() if each.id.startswith("git-")]
    assert broken.remedy == "Put a file there that you may read, or take away what names it."


def test_a_finding_is_printable_and_holds_no_secret() -> None:
    finding = found(
        "no-helper",
        "a\x1b]0;b\x07\u202ec",
        evidence=f"https://mary:hunter2@host/ password=hunter2 {SIGNATURE}",
        consequence="",
        remedy="",
    )
    assert finding.problem == "a?]0;b??c"
    assert finding.evidence == "https://mary:***@host/ password=*** 20240229T123456Z***"
    assert "hunter2" not in as_json([finding])


def test_a_byte_that_steers_old_terminals_is_not_shown() -> None:
    finding = found("no-helper", "a\udc9bb\udcffc", evidence="", consequence="", remedy="")
    assert finding.problem == "a?b\udcffc"


@pytest.mark.parametrize(
    "user", ["ASIAX%25FwoGZXIvYXdz", "ASIAX%FwoGZXIvYXdz%3D", f"ASIAX%25FwoGZXIvYXdz:{SIGNATURE}"]
)
def test_a_session_token_in_a_url_is_not_shown(user: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"https://{user}@{HOST}/v1/repos/demo")
    said = home.doctor()
    assert "user-in-url" in said.out
    assert "FwoGZXIvYXdz" not in said.out


def test_every_id_is_a_stable_word() -> None:
    assert all(each == each.lower() and " " not in each for each in CATALOGUE)


def test_only_a_machine_without_finding_ends_with_0(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.profile("default", region="eu-west-1")
    said = home.doctor()
    assert [each.severity for each in home.findings()] == ["note"]
    assert said.status == 1
    home.profile("default")
    assert (home.ids(), home.doctor().status) == ([], 0)
