"""What people do with `git push`, through the guide's helper."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from person import Person
from service_process import Service

pytestmark = pytest.mark.needs("git")


@pytest.fixture
def work(root: Person, service: Service, request: pytest.FixtureRequest) -> Path:
    """A clone with one pushed commit on main; the repository is named for the test."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:90]
    root.ok("git", "clone", "--quiet", service.create_repository(name), "work")
    folder = root.home / "work"
    root.ok("git", "checkout", "--quiet", "-b", "main", cwd=folder)
    root.commit(folder)
    root.ok("git", "push", "--quiet", "--set-upstream", "origin", "main", cwd=folder)
    return folder


def remote_refs(person: Person, work: Path) -> dict[str, str]:
    lines = person.ok("git", "ls-remote", "origin", cwd=work).splitlines()
    return {name: object_id for object_id, name in (line.split("\t") for line in lines)}


def test_a_rewritten_branch_goes_only_by_force(root: Person, work: Path) -> None:
    root.ok("git", "commit", "--quiet", "--amend", "--message", "Said better", cwd=work)
    rewritten = root.ok("git", "rev-parse", "HEAD", cwd=work).strip()
    assert "non-fast-forward" in root.refused("git", "push", "origin", "main", cwd=work)
    root.ok("git", "push", "--quiet", "--force-with-lease", "origin", "main", cwd=work)
    assert remote_refs(root, work)["refs/heads/main"] == rewritten


def test_a_stale_lease_is_refused(root: Person, work: Path, service: Service) -> None:
    url = root.ok("git", "remote", "get-url", "origin", cwd=work).strip()
    root.ok("git", "clone", "--quiet", url, "other")
    theirs = root.commit(root.home / "other", "theirs.txt")
    root.ok("git", "push", "--quiet", cwd=root.home / "other")
    root.ok("git", "commit", "--quiet", "--amend", "--message", "Mine", cwd=work)
    assert "stale info" in root.refused("git", "push", "--force-with-lease", "origin", "main", cwd=work)
    assert remote_refs(root, work)["refs/heads/main"] == theirs


def test_a_branch_is_deleted_and_the_default_branch_is_not(root: Person, work: Path) -> None:
    root.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/passing", cwd=work)
    root.ok("git", "push", "--quiet", "origin", "--delete", "passing", cwd=work)
    assert "refs/heads/passing" not in remote_refs(root, work)
    assert "default" in root.refused("git", "push", "origin", "--delete", "main", cwd=work).lower()
    assert "refs/heads/main" in remote_refs(root, work)


def test_tags_of_both_kinds_arrive_and_are_peeled(root: Person, work: Path) -> None:
    tip = root.ok("git", "rev-parse", "HEAD", cwd=work).strip()
    root.ok("git", "tag", "light", cwd=work)
    root.ok("git", "tag", "--annotate", "--message", "One", "v1.0", cwd=work)
    root.ok("git", "push", "--quiet", "--tags", "origin", cwd=work)
    refs = remote_refs(root, work)
    assert refs["refs/tags/light"] == refs["refs/tags/v1.0^{}"] == tip
    assert refs["refs/tags/v1.0"] != tip
    root.ok("git", "push", "--quiet", "origin", "--delete", "light", cwd=work)
    assert "refs/tags/light" not in remote_refs(root, work)


def test_notes_and_other_namespaces_are_kept(root: Person, work: Path) -> None:
    root.ok("git", "notes", "add", "--message", "Reviewed", cwd=work)
    root.ok("git", "push", "--quiet", "origin", "refs/notes/*", "HEAD:refs/stash-like/one", cwd=work)
    assert {"refs/notes/commits", "refs/stash-like/one"} <= remote_refs(root, work).keys()


def test_an_atomic_push_moves_all_or_nothing(root: Person, work: Path) -> None:
    root.commit(work, "second.txt")
    root.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/a", cwd=work)
    before = remote_refs(root, work)
    # `a/b` cannot stand beside `a`: stock git learns that only from us.
    refs = ("HEAD:refs/heads/main", "HEAD:refs/heads/a/b")
    said = root.refused("git", "push", "--atomic", "origin", *refs, cwd=work)
    assert "remote rejected" in said
    assert remote_refs(root, work) == before
    said = root.refused("git", "push", "origin", *refs, cwd=work)
    assert "remote rejected] HEAD -> a/b" in said
    after = remote_refs(root, work)
    assert after["refs/heads/main"] == before["refs/heads/a"]
    assert "refs/heads/a/b" not in after


def test_many_branches_go_in_one_push(root: Person, work: Path) -> None:
    for number in range(200):
        root.ok("git", "update-ref", f"refs/heads/many/{number}", "HEAD", cwd=work)
    root.ok("git", "push", "--quiet", "--all", "origin", cwd=work)
    assert sum(name.startswith("refs/heads/many/") for name in remote_refs(root, work)) == 200


def test_a_big_push_goes_in_chunks_after_a_probe(root: Person, work: Path) -> None:
    (work / "noise.bin").write_bytes(random.Random(3).randbytes(3_000_000))
    root.ok("git", "add", "noise.bin", cwd=work)
    root.ok("git", "commit", "--quiet", "--message", "Three megabytes", cwd=work)
    trace = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
    said = root.run("git", "push", "origin", "main", cwd=work, env=trace)
    assert said.status == 0, said.err
    assert "transfer-encoding: chunked" in said.err.lower()
    url = root.ok("git", "remote", "get-url", "origin", cwd=work).strip()
    root.ok("git", "clone", "--quiet", url, "back")
    assert (root.home / "back" / "noise.bin").read_bytes() == (work / "noise.bin").read_bytes()


def test_a_big_push_goes_in_one_piece_where_the_buffer_is_large(root: Person, work: Path) -> None:
    (work / "noise.bin").write_bytes(random.Random(4).randbytes(3_000_000))
    root.ok("git", "add", "noise.bin", cwd=work)
    root.ok("git", "commit", "--quiet", "--message", "Three megabytes", cwd=work)
    root.ok("git", "-c", "http.postBuffer=10000000", "push", "--quiet", "origin", "main", cwd=work)
    tip = root.ok("git", "rev-parse", "HEAD", cwd=work).strip()
    assert remote_refs(root, work)["refs/heads/main"] == tip


def test_thin_packs_are_taken(root: Person, work: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(5_000))
    root.commit(work, "long.txt", text)
    root.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    root.commit(work, "long.txt", text + "one more\n")
    root.ok("git", "push", "--quiet", "--thin", "origin", "main", cwd=work)
    url = root.ok("git", "remote", "get-url", "origin", cwd=work).strip()
    root.ok("git", "clone", "--quiet", url, "back")
    assert (root.home / "back" / "long.txt").read_text().endswith("one more\n")
    assert root.ok("git", "fsck", "--full", "--strict", cwd=root.home / "back") == ""


def test_a_shallow_clone_pushes_new_commits(root: Person, work: Path) -> None:
    for number in range(3):
        root.commit(work, f"{number}.txt")
    root.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    url = root.ok("git", "remote", "get-url", "origin", cwd=work).strip()
    root.ok("git", "clone", "--quiet", "--depth", "1", url, "shallow")
    commit = root.commit(root.home / "shallow", "from-shallow.txt")
    root.ok("git", "push", "--quiet", "origin", "main", cwd=root.home / "shallow")
    assert remote_refs(root, work)["refs/heads/main"] == commit


def test_a_history_that_is_cut_off_is_refused(root: Person, work: Path, service: Service) -> None:
    root.commit(work, "second.txt")
    root.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    url = root.ok("git", "remote", "get-url", "origin", cwd=work).strip()
    root.ok("git", "clone", "--quiet", "--depth", "1", url, "shallow")
    elsewhere = service.create_repository("cut-off")
    said = root.refused("git", "push", elsewhere, "main", cwd=root.home / "shallow")
    assert "shallow update not allowed" in said
    assert root.ok("git", "ls-remote", elsewhere) == ""


def test_a_push_to_nowhere_says_that_the_repository_is_missing(root: Person, work: Path) -> None:
    elsewhere = root.service.url("not-there")
    said = root.refused("git", "push", elsewhere, "main", cwd=work)
    assert "not-there" in said
    assert "404" in said or "not found" in said or "does not exist" in said
