"""Git's protocol versions, alone and with two worker processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from person import AWS_V1, Person
from service_process import serving

pytestmark = pytest.mark.needs("git")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_pushed_is_seen_at_once_by_every_version(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers) as service:
        person = Person(tmp_path / "home", AWS_V1, service)
        person.use_a_quick_helper((service.key_id, service.secret))
        person.name_in_commits()
        url = service.create_repository("MyDemoRepo")
        person.ok("git", "clone", "--quiet", url, "work")
        work = person.home / "work"
        person.ok("git", "checkout", "--quiet", "-b", "main", cwd=work)
        for number, version in enumerate(["0", "1", "2", "0", "1", "2"]):
            speaking = ("git", "-c", f"protocol.version={version}")
            commit = person.commit(work, f"{number}.txt", f"pushed by version {version}\n")
            person.ok(*speaking, "push", "--quiet", "origin", "main", cwd=work)
            assert commit in person.ok(*speaking, "ls-remote", url, "refs/heads/main")
            person.ok(*speaking, "clone", "--quiet", url, f"clone-{number}")
            clone = person.home / f"clone-{number}"
            assert person.ok("git", "rev-parse", "HEAD", cwd=clone).strip() == commit
            assert person.ok("git", "fsck", "--full", "--strict", cwd=clone) == ""
        shown = service.client("codecommit").get_branch(repositoryName="MyDemoRepo", branchName="main")
        assert shown["branch"]["commitId"] == commit
