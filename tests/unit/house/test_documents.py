"""The documents keep up with the code: versions, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import moorage
from moorage.cli.main import COMMANDS
from moorage.server.options import OPTIONS

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """The anchors that a Markdown page's headings get."""
    headings = re.findall(r"^#+ +(.+?)\s*$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[str]:
    for target in LINK.findall(FENCED.sub("", path.read_text())):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    broken = []
    for target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached: set[Path] = set()
    waiting = [index]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [
                (page.parent / link.split("#")[0]).resolve() for link in links(page) if link[0] != "#"
            ]
    lost = [name_of(path) for path in DOCUMENTS if path.is_relative_to(index.parent) and path not in reached]
    assert lost == []


def test_the_changelog_has_a_section_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0] == moorage.__version__
    assert moorage.__version__ in headings


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers))


def test_a_reader_learns_early_that_this_is_not_from_aws() -> None:
    opening = (ROOT / "README.md").read_text()[:1500]
    assert "not affiliated with" in opening.lower()
    assert "not affiliated with" in (ROOT / "NOTICE").read_text().lower()


def headings(path: Path) -> set[str]:
    return set(re.findall(r"^#+ +(.+?)\s*$", FENCED.sub("", path.read_text()), re.MULTILINE))


def test_every_setting_has_a_heading() -> None:
    assert {option.flag for option in OPTIONS} <= headings(ROOT / "docs" / "settings.md")


def test_every_command_has_a_heading() -> None:
    named = {f"moorage {command.name}" for command in COMMANDS}
    assert named == {heading for heading in headings(ROOT / "docs" / "commands.md") if "moorage " in heading}
