"""kill -9 at each step of a push: what was acknowledged is there, what was not left no half state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import dev
import pytest

from moorage.core import crash_points
from moorage.repos.maintenance import MANY_PACKS
from moorage.repos.sweep import Sweeper
from moorage.storage import repositories as rows
from moorage.storage.blobs_directory import DirectoryBlobs
from moorage.storage.database import Database
from person import AWS_V1, Person
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.slow]
STEPS_OF_A_PUSH = crash_points.STEPS[: crash_points.STEPS.index("reported") + 1]
DURABLE_FROM = STEPS_OF_A_PUSH.index("committed")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service that crashes at step after step and goes on with what it has."""
    with serving(tmp_path_factory.mktemp("crashing")) as up:
        yield up


@pytest.mark.parametrize("step", STEPS_OF_A_PUSH)
def test_a_crash_at_a_step_of_a_push_leaves_all_of_it_or_nothing(
    tmp_path: Path, service: Service, step: str
) -> None:
    if service.process.poll() is not None:  # another step's test failed while it was down
        restart_to_crash_at(service, "")
    person = person_at(service, tmp_path / "home")
    url = service.create_repository(f"crashing-{step}")
    person.ok("git", "clone", "--quiet", url, "work")
    work = person.home / "work"
    person.ok("git", "checkout", "--quiet", "-b", "main", cwd=work)
    before = person.commit(work, "before.txt")
    person.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    after = person.commit(work, "after.txt")

    restart_to_crash_at(service, step)
    told = person.run("git", "push", "origin", "main", cwd=work)
    service.process.wait(30)

    restart_to_crash_at(service, "")
    found = person.ok("git", "ls-remote", url, "refs/heads/main").split()[0]
    assert found == (after if STEPS_OF_A_PUSH.index(step) >= DURABLE_FROM else before)
    if told.status == 0:
        assert found == after
    person.ok("git", "clone", "--quiet", url, "back")
    assert person.ok("git", "fsck", "--full", "--strict", cwd=person.home / "back") == ""

    person.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    assert person.ok("git", "ls-remote", url, "refs/heads/main").split()[0] == after
    sweep_as_if_long_after(service)
    person.ok("git", "clone", "--quiet", url, "after the sweep")


def person_at(service: Service, home: Path) -> Person:
    person = Person(home, AWS_V1, service)
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    return person


def sweep_as_if_long_after(service: Service) -> None:
    """Run the sweep without grace: it leaves the blobs that rows name, all of them and no others."""
    blobs = DirectoryBlobs(service.data / "blobs")
    database = Database.open(f"sqlite:///{service.data / 'moorage.db'}")
    try:
        Sweeper(database, blobs, grace_ms=-1).sweep()
        with database.read() as connection:
            named = {
                pack.push_id
                for repository_id in rows.every_id(connection)
                for pack in rows.live_packs(connection, repository_id)
            }
    finally:
        database.close()
    kept = [entry.key.rsplit("/", 1)[1] for entry in blobs.keys("r/")]
    assert sorted(kept) == sorted(f"{name}.{suffix}" for name in named for suffix in ("pack", "idx"))


STEPS_OF_A_REPACK = [step for step in crash_points.STEPS if step.startswith("repack")]


class Filled(NamedTuple):
    """A service that will crash in its next repack, of a repository of many packs."""

    service: Service
    tip: str


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Filled]]:
    """A service for each step, all together: a repack comes by itself, after ten seconds."""
    with ExitStack() as running:
        yield {step: filled_to_crash_at(step, tmp_path_factory, running) for step in STEPS_OF_A_REPACK}


def filled_to_crash_at(step: str, folders: pytest.TempPathFactory, running: ExitStack) -> Filled:
    environment = {crash_points.VARIABLE: step}
    service = running.enter_context(serving(folders.mktemp(step), environment=environment))
    service.create_repository("crashing")
    put = {"repositoryName": "crashing", "branchName": "main", "fileContent": b"The domestic cat\n"}
    tip: dict[str, str] = {}
    for number in range(MANY_PACKS + 1):  # each is a pack of its own
        answer = service.client("codecommit").put_file(filePath=f"{number}.txt", **put, **tip)
        tip = {"parentCommitId": answer["commitId"]}
    return Filled(service, tip["parentCommitId"])


@pytest.mark.parametrize("step", STEPS_OF_A_REPACK)
def test_a_crash_at_a_step_of_a_repack_harms_nothing(
    tmp_path: Path, filled: Mapping[str, Filled], step: str
) -> None:
    service, tip = filled[step]
    service.process.wait(60)  # the repack comes by itself, and ends the service

    restart_to_crash_at(service, "")
    person = person_at(service, tmp_path / "home")
    person.ok("git", "clone", "--quiet", service.url("crashing"), "back")
    assert person.ok("git", "rev-parse", "HEAD", cwd=person.home / "back").strip() == tip
    assert person.ok("git", "fsck", "--full", "--strict", cwd=person.home / "back") == ""
    person.ok(str(dev.BIN / "moorage"), "verify", "--data", str(service.data))


def restart_to_crash_at(service: Service, step: str) -> None:
    if service.process.poll() is None:
        service.stop()
    service.environment = {**service.environment, crash_points.VARIABLE: step}
    service.restart()
