"""A repository of 20,000 refs: listed as its rows have it, and no dearer to push to than a small one."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import many_refs
import process_tree
from moorage.core.names import ZERO_ID
from person import Person
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow, pytest.mark.timeout(300)]

REFS = 20_000
FEW = 20
PUSHES = 9


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("many-refs")) as up:  # one worker: what it moves is counted
        yield up


@pytest.fixture
def work(root: Person) -> Path:
    folder = root.home / "work"
    root.ok("git", "init", "--quiet", "--initial-branch", "main", str(folder))
    for number in range(5):
        root.commit(folder, text=f"{number}\n")
    return folder


def filled(root: Person, service: Service, work: Path, name: str, refs: int) -> dict[str, str]:
    """Make a repository with so many refs; return them all."""
    url = service.create_repository(name)
    root.ok("git", "push", "--quiet", url, "main", cwd=work)
    commits = root.ok("git", "rev-list", "main", cwd=work).split()
    branches = many_refs.branches(refs - 1, commits)
    many_refs.create(service, name, branches)
    return {"refs/heads/main": commits[0], **branches}


def rows(service: Service, name: str) -> dict[str, str]:
    query = """
        select refs.name, object_id from refs join repositories using (repository_id)
        where repositories.name = ?
    """
    with closing(sqlite3.connect(f"file:{service.data}/moorage.db?mode=ro", uri=True)) as database:
        return {ref.decode(): object_id for ref, object_id in database.execute(query, (name,))}


def listed(root: Person, service: Service, name: str, version: int) -> dict[str, str]:
    told = root.ok("git", "-c", f"protocol.version={version}", "ls-remote", service.url(name))
    pairs = (line.split("\t") for line in told.splitlines())
    found = {name: object_id for object_id, name in pairs}
    assert found.pop("HEAD") == found["refs/heads/main"]
    return found


def cost_of_a_push(root: Person, service: Service, work: Path, name: str) -> tuple[float, float]:
    """Push one new commit to one new branch, several times; return the bytes read and written for it."""
    read, written = [], []
    for number in range(PUSHES):
        tip = root.commit(work, text=f"{name} {number}\n")
        revisions = f"{tip}\n^{tip}~1\n"
        pack = work / "one.pack"
        command = f"git pack-objects --quiet --revs --stdout > {pack.name}"
        root.ok("sh", "-c", command, cwd=work, stdin=revisions)
        before = process_tree.moved(service.process.pid)
        refs = {"refs/heads/main": (root.ok("git", "rev-parse", "HEAD~1", cwd=work).strip(), tip)}
        refs[f"refs/heads/new/{number}"] = (ZERO_ID, tip)
        told = many_refs.move(service, name, refs, pack.read_bytes())
        assert set(told.values()) == {"ok"}, told
        after = process_tree.moved(service.process.pid)
        read.append(after.read - before.read)
        written.append(after.written - before.written)
    return statistics.median(read), statistics.median(written)


def test_ls_remote_lists_20_000_refs_as_the_rows_have_them(
    root: Person, service: Service, work: Path
) -> None:
    refs = filled(root, service, work, "listed", REFS)
    assert rows(service, "listed") == refs
    for version in (0, 2):
        assert listed(root, service, "listed", version) == refs


def test_20_000_refs_made_by_one_push_take_no_more_memory_than_a_node_may(
    root: Person, service: Service, work: Path
) -> None:
    url = service.create_repository("at-once")
    root.ok("git", "push", "--quiet", url, "main", cwd=work)
    commits = root.ok("git", "rev-list", "main", cwd=work).split()
    refs = many_refs.branches(REFS, commits)
    with process_tree.watched(service.process.pid) as watch:
        told = many_refs.move(service, "at-once", {name: (ZERO_ID, tip) for name, tip in refs.items()})
    assert set(told.values()) == {"ok"}
    assert rows(service, "at-once") == refs | {"refs/heads/main": commits[0]}
    print(f"20,000 refs by one push: {watch.whole}, {watch.own}")
    assert watch.whole.whole < 400 * process_tree.MEGABYTE, watch.whole
    assert watch.own.own < 250 * process_tree.MEGABYTE, watch.own


def test_the_cost_of_a_push_does_not_grow_with_the_number_of_refs(
    root: Person, service: Service, work: Path
) -> None:
    filled(root, service, work, "few", FEW)
    few = cost_of_a_push(root, service, work, "few")
    filled(root, service, work, "many", REFS)
    many = cost_of_a_push(root, service, work, "many")
    print(f"bytes read and written for a push: {few} of {FEW} refs, {many} of {REFS} refs")
    for small, large in zip(few, many, strict=True):
        assert large < 2 * small
