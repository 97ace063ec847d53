"""Large histories come back identical, and the service's memory does not grow with them.

Memory is the proportional set size of the supervisor, its workers and every child, sampled while
the programs run; see `process_tree.Memory` for what that counts.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dev
import pytest

import many_refs
import process_tree
from generated_history import Size, generate
from person import Person
from process_tree import MEGABYTE, Watch
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow, pytest.mark.timeout(900)]

TREE_BYTES = 400 * MEGABYTE
WORKERS_BYTES = 250 * MEGABYTE
GENERATED = Size(commits=50_000, tags=3_999, large_file_bytes=500 * MEGABYTE)
REFS = 20_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("large"), "--workers", "2") as up:
        yield up


@pytest.fixture
def watch(service: Service) -> Iterator[Watch]:
    with process_tree.watched(service.process.pid) as watch:
        yield watch


def require_bounds(watch: Watch) -> None:
    print(f"most of the tree: {watch.whole}\nmost of the workers: {watch.own}\nsamples: {watch.samples}")
    assert watch.samples >= 3
    assert watch.whole.whole < TREE_BYTES, watch.whole
    assert watch.own.own < WORKERS_BYTES, watch.own


def own_history(person: Person) -> Path:
    """Copy the heads and tags of the checkout these tests stand in, whole even where it is shallow."""
    person.git_global("safe.directory", "*")  # a checkout may be another user's
    source = person.home / "own.git"
    person.ok("git", "clone", "--quiet", "--bare", "--no-hardlinks", str(dev.ROOT), str(source))
    # A checkout of one commit may be on no branch.
    tip = person.ok("git", "rev-parse", "HEAD", cwd=dev.ROOT).strip()
    person.ok("git", "update-ref", "refs/heads/as-checked-out", tip, cwd=source)
    if person.ok("git", "rev-parse", "--is-shallow-repository", cwd=source).strip() == "true":
        return deepened(person, source)
    return source


def deepened(person: Person, shallow: Path) -> Path:
    """Write a shallow history again, as one that begins where it was cut."""
    whole = person.home / "whole.git"
    person.ok("git", "init", "--quiet", "--bare", str(whole))
    options = ("--all", "--signed-tags=strip", "--tag-of-filtered-object=rewrite")
    with subprocess.Popen(
        ("git", "fast-export", *options), cwd=shallow, env=person.env, stdout=subprocess.PIPE
    ) as exporter:
        command = ("git", "fast-import", "--quiet")
        subprocess.run(command, cwd=whole, env=person.env, stdin=exporter.stdout, check=True)
    assert exporter.returncode == 0
    return whole


def refs(person: Person, repository: Path) -> str:
    return person.ok(
        "git", "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", cwd=repository
    )


def objects(person: Person, repository: Path) -> str:
    """Hash the ids of all objects that refs reach. Their contents were hashed when the clone was indexed."""
    listed = person.ok("git", "rev-list", "--objects", "--no-object-names", "--all", cwd=repository)
    return hashlib.sha256("\n".join(sorted(listed.split())).encode()).hexdigest()


def test_this_projects_own_history_clones_back_identical(
    root: Person, service: Service, watch: Watch
) -> None:
    source = own_history(root)
    url = service.create_repository("own-history")
    root.ok("git", "push", "--quiet", url, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*", cwd=source)
    root.ok("git", "clone", "--quiet", "--mirror", url, "back.git")
    back = root.home / "back.git"
    assert refs(root, back) == refs(root, source)
    assert objects(root, back) == objects(root, source)
    assert root.ok("git", "fsck", "--full", "--no-dangling", cwd=back) == ""
    require_bounds(watch)


def test_a_repository_of_many_commits_many_refs_and_a_large_file_clones_back_identical(
    root: Person, service: Service, watch: Watch
) -> None:
    source = root.home / "generated.git"
    generate(source, GENERATED, root.env)
    url = service.create_repository("generated")
    for refspec in ("refs/heads/main:refs/heads/main", "refs/tags/*:refs/tags/*"):
        root.ok("git", "push", "--quiet", url, refspec, cwd=source)
    commits = root.ok("git", "rev-list", "main", cwd=source).split()
    branches = many_refs.branches(REFS - 1 - GENERATED.tags, commits)
    many_refs.create(service, "generated", branches)
    many_refs.add_to(source, branches, root)
    assert len(refs(root, source).splitlines()) == REFS
    root.ok("git", "clone", "--quiet", "--mirror", url, "back.git")
    back = root.home / "back.git"
    assert refs(root, back) == refs(root, source)
    assert objects(root, back) == objects(root, source)
    require_bounds(watch)
