"""Every fault that doctor knows, planted once on a healthy machine: it is named, and nothing else is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from doctor_at_hand import AWS_LINE, Home
from doctor_faults import FIXABLE, PLANTED, Planted, name_of
from moorage.client.doctor import report
from moorage.client.doctor.catalogue import CATALOGUE, OF_THIS_MACHINE

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "doctor.md"


@pytest.mark.parametrize("planted", PLANTED, ids=name_of)
def test_a_planted_fault_is_named_and_nothing_else(planted: Planted, tmp_path: Path) -> None:
    home = Home(tmp_path, planted.system)
    planted.plant(home)
    findings = home.findings()
    assert {each.id for each in findings} == {planted.fault, *planted.beside}
    assert {each.id for each in findings if each.fix} <= FIXABLE


def test_a_helper_that_takes_long_is_named(tmp_path: Path) -> None:
    facts = Home(tmp_path).facts()
    slow = {asked: replace(answer, seconds=41.0) for asked, answer in facts.answers.items()}
    assert [each.id for each in report.diagnose(replace(facts, answers=slow))] == ["helper-slow"]


def test_every_finding_is_planted() -> None:
    assert {planted.fault for planted in PLANTED} | {"helper-slow"} == set(OF_THIS_MACHINE)


def test_every_finding_has_a_heading_in_the_guide() -> None:
    headings = set(re.findall(r"^#+ +(.+?)\s*$", GUIDE.read_text(), re.MULTILINE))
    assert set(CATALOGUE) <= headings


def test_a_git_without_the_empty_helper_is_told_what_to_take_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.git_of("2.8.0")
    home.section("", AWS_LINE)
    home.write(home.system_config, "[credential]\n\thelper = manager\n")
    home.helper_program("manager", ":")
    (finding,) = home.findings()
    assert finding.id == "manager-answers-first"
    assert "take that helper out" in finding.remedy
    assert finding.fix == ()


def test_evidence_names_file_line_and_scope(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write(home.system_config, "# by the installer\n[credential]\n\thelper = manager\n")
    home.helper_program("manager", ":")
    (finding,) = home.findings()
    assert finding.evidence == f"credential.helper = manager in {home.system_config}, line 3 (system)"
