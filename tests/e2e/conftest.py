"""Real programs against a served moorage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import dev
import pytest

from e2e_names import NewPerson
from person import AWS_CLIS, AWS_V1, AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import Service, serving

E2E_SECONDS = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(E2E_SECONDS))


def installed(cli: AwsCli) -> AwsCli:
    if cli is AWS_V2 and dev.find("aws") is None:
        pytest.skip("AWS CLI v2 is missing: apt-get install awscli")
    if cli is AWS_V2_NEW and not dev.BACKPORTS_AWS.exists():
        pytest.skip("the newer AWS CLI v2 is missing: run `python3 dev.py test` as root on Debian")
    return cli


@pytest.fixture(scope="session")
def aws_v1() -> AwsCli:
    return installed(AWS_V1)


@pytest.fixture(scope="session")
def aws_v2() -> AwsCli:
    return installed(AWS_V2)


@pytest.fixture(scope="session")
def aws_v2_new() -> AwsCli:
    return installed(AWS_V2_NEW)


@pytest.fixture(scope="session")
def new_git() -> Path:
    """A Git that renews credentials within a push: 2.46 or newer."""
    git = dev.NEW_GIT / "bin" / "git"
    if not git.exists():
        pytest.skip("the newer Git is missing: run `python3 dev.py test` on Debian, once as root")
    return git


@pytest.fixture(params=AWS_CLIS, ids=lambda cli: cli.name)
def aws_cli(request: pytest.FixtureRequest) -> AwsCli:
    """Each build of the AWS CLI in turn."""
    return installed(request.param)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A served moorage for the tests of one file."""
    with serving(tmp_path_factory.mktemp("service")) as up:
        yield up


@pytest.fixture
def new_person(tmp_path: Path, service: Service) -> NewPerson:
    """Make people with empty homes; by default with the AWS CLI v1 of the environment."""
    numbers = itertools.count(1)

    def make(aws_cli: AwsCli = AWS_V1) -> Person:
        return Person(tmp_path / f"home{next(numbers)}", aws_cli, service)

    return make


@pytest.fixture
def root(new_person: NewPerson, service: Service) -> Person:
    """A person who works as the root user, with a helper that answers quickly."""
    person = new_person()
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    return person
