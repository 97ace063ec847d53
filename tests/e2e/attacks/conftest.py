"""One service for all attacks, and the rule that each of them must leave it unharmed."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import unharmed
from attacker import Attacker, Key
from git_attacks import ZERO, a_commit_with, command, report
from person import VENV_BIN
from service_process import ACCOUNT, Service, serving

REPOSITORY = "target"


@dataclass
class Victims:
    """What the service holds that attackers are after."""

    root: Key
    reader: Key  # an IAM user who may read CodeCommit and nothing else
    nobody: Key  # an IAM user without any policy
    stranger: Key  # the root user of another account, with a repository of the same name
    tip: str  # the commit that main is at
    account: str = ACCOUNT
    repository: str = REPOSITORY

    @property
    def secrets(self) -> list[str]:
        return [key[1] for key in (self.root, self.reader, self.nobody, self.stranger)]


@dataclass
class Watch:
    """What the service kept before a test, to be the same after it."""

    service: Service
    before: unharmed.Kept
    log_read: int = field(default=0)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """For the honest changes a test makes so that there is something to attack."""
        yield
        self.before = unharmed.kept(self.service)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The one service that all attacks go to."""
    with serving(tmp_path_factory.mktemp("attacked")) as up:
        yield up


@pytest.fixture(scope="session")
def victims(service: Service) -> Victims:
    service.create_repository(REPOSITORY)
    reader = service.create_user("reader", "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
    stranger = another_account(service)
    service.client("codecommit", key=stranger).create_repository(repositoryName=REPOSITORY)
    tip, pack = a_commit_with()
    lines = command(ZERO, tip, b"refs/heads/main", first=True) + b"0000"
    assert "ok refs/heads/main" in report(Attacker(service).push(REPOSITORY, lines, pack))
    return Victims(
        root=(service.key_id, service.secret),
        reader=reader,
        nobody=service.create_user("nobody"),
        stranger=stranger,
        tip=tip,
    )


def another_account(service: Service) -> Key:
    words = ("account", "create", "--name", "stranger", "--json", "--data", str(service.data))
    done = subprocess.run([str(VENV_BIN / "moorage"), *words], capture_output=True, check=True)
    made = json.loads(done.stdout)
    return made["accessKeyId"], made["secretAccessKey"]


@pytest.fixture(scope="session")
def attacker(service: Service, victims: Victims) -> Attacker:
    del victims  # there must be something to attack
    return Attacker(service)


@pytest.fixture(autouse=True)
def watch(attacker: Attacker, victims: Victims) -> Iterator[Watch]:
    """Every attack here: refused or answered, told nothing, stored nothing, left nothing, still served."""
    service = attacker.service
    watched = Watch(service, unharmed.kept(service), unharmed.log_size(service))
    yield watched
    unharmed.wait_until_quiet(service)
    assert unharmed.kept(service) == watched.before
    log = unharmed.log_since(service, watched.log_read)
    unharmed.assert_discreet(attacker.taken_answers(), log, service, victims.secrets)
    assert attacker.ask("GET", "/healthz").status == 200
