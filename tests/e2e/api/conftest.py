from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codecommit_at_hand import Keys, Pushed, Service, push_sample
from service_process import ACCOUNT, serving


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="session")
def service(data: Path) -> Iterator[Service]:
    with serving(data) as running:
        yield Service(running.endpoint, running.ca, ACCOUNT, Keys(running.key_id, running.secret))


@pytest.fixture(scope="session")
def other_account(service: Service, data: Path) -> Service:
    """Make a second account beside the first, as an operator does."""
    program = Path(sys.executable).with_name("moorage")
    arguments = ["account", "create", "--name", "other", "--json", "--data", str(data / "data")]
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    made = json.loads(done.stdout)
    root = Keys(made["accessKeyId"], made["secretAccessKey"])
    return replace(service, account_id=made["accountId"], root=root)


@pytest.fixture
def pushed(service: Service, tmp_path: Path) -> Pushed:
    return push_sample(service, tmp_path / "pushed")
