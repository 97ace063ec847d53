"""The guide on reviews as it is written: a template, a pull request, somebody else's approval, a merge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e_names import POWER_USER
from person import AWS_V1, Done, Person
from service_process import Service, serving

pytestmark = pytest.mark.needs("git")

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "reviews-and-ci.md"
TEMPLATE, OPEN, APPROVE, MERGE = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as up:
        yield up


def person(service: Service, folder: Path, name: str) -> Person:
    made = Person(folder / name, AWS_V1, service)
    key = service.create_user(name, POWER_USER)
    made.write_profile(key)
    made.use_a_quick_helper(key)
    made.name_in_commits()
    return made


def paste(who: Person, block: str, number: str = "") -> Done:
    """Run a block of the guide in a shell of somebody's, who knows the pull request's number."""
    variables = {"ENDPOINT": who.service.endpoint, "NUMBER": number}
    return who.run("bash", "-ec", block + "\necho number=$NUMBER", env=variables)


def test_a_change_is_reviewed_and_merged_by_the_guides_lines(service: Service, tmp_path: Path) -> None:
    url = service.create_repository("demo")
    mary, li = person(service, tmp_path, "mary"), person(service, tmp_path, "li")
    mary.ok("git", "clone", "--quiet", url, "demo")
    clone = mary.home / "demo"
    mary.commit(clone)
    mary.ok("git", "push", "--quiet", "origin", "HEAD:main", cwd=clone)
    assert paste(mary, TEMPLATE).status == 0
    mary.ok("git", "switch", "--quiet", "--create", "hello", cwd=clone)
    mary.commit(clone, "hello.txt", "Hello\n")
    mary.ok("git", "push", "--quiet", "origin", "hello", cwd=clone)

    opened = paste(mary, OPEN)
    assert '"path": "hello.txt"' in opened.said
    found = re.search(r"number=(\d+)", opened.said)
    assert found is not None
    number = found.group(1)
    assert "PullRequestApprovalRulesNotSatisfied" in paste(mary, MERGE, number).said
    assert "PullRequestCannotBeApprovedByAuthor" in paste(mary, APPROVE, number).said
    assert paste(li, APPROVE, number).status == 0
    merged = paste(mary, MERGE, number)
    assert merged.status == 0, merged.said

    mary.ok("git", "fetch", "--quiet", cwd=clone)
    assert mary.ok("git", "show", "origin/main:hello.txt", cwd=clone) == "Hello\n"
