"""The guide on setting up as it is written, pasted into a shell."""

from __future__ import annotations

import os
import pty
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from moorage.core.sigv4 import git_password
from person import Person
from service_process import Service

pytestmark = pytest.mark.needs("git")

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "setup.md"
SERVER, AWS, UNDO = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
WRITTEN = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]


@pytest.fixture
def mary(new_person: NewPerson, service: Service) -> Person:
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        person.env.pop(name, None)
    (person.home / ".local" / "bin" / "moorage").symlink_to(Path(sys.executable).with_name("moorage"))
    (person.home / "ca.pem").symlink_to(service.ca)
    return person


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository("demo")
    return service.create_user("mary", POWER_USER)


def test_the_lines_for_a_server_clone_and_are_taken_back(
    mary: Person, service: Service, key: tuple[str, str]
) -> None:
    mary.write_profile(key)
    said = mary.ok("bash", "-ec", SERVER.replace("8443", str(service.port)))
    assert "works: git ls-remote" in said
    assert (mary.home / "demo" / ".git").exists()
    mary.ok("bash", "-ec", UNDO)
    assert not (mary.home / ".gitconfig").exists()


def test_the_line_for_aws_writes_the_section_that_is_shown_and_signs(
    mary: Person, key: tuple[str, str]
) -> None:
    mary.write_profile(key)
    assert "set up already" not in mary.ok("bash", "-ec", AWS)
    text = (mary.home / ".gitconfig").read_text()

    def shape(section: str) -> str:
        return re.sub(r"helper = !.*", "helper = !…", section)

    assert shape(text) == shape(WRITTEN)
    # No server of AWS's is asked: the signature itself is what it would be there.
    told = mary.ok(
        "git", "credential", "fill", stdin="url=https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x\n\n"
    )
    assert f"username={key[0]}\n" in told
    made = re.search(r"password=((\d{8}T\d{6})Z[0-9a-f]{64})\n", told)
    assert made is not None
    assert made[1] == git_password(
        "git-codecommit.eu-west-1.amazonaws.com",
        "/v1/repos/x",
        secret=key[1],
        region="eu-west-1",
        now=datetime.strptime(made[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC),
    )
    assert "set up already" in mary.ok("bash", "-ec", AWS)


def test_at_a_terminal_it_asks_for_what_it_does_not_know(
    mary: Person, service: Service, key: tuple[str, str]
) -> None:
    mary.write_profile(("AKIAWRONG00000000000", "wrong"))
    mary.write_profile(key, profile="My Profile")
    ours, its = pty.openpty()
    os.write(ours, f"{service.endpoint}\nMy Profile\n\n".encode())
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, str(Path(sys.executable).with_name("moorage")), "setup", "--ca", str(service.ca)],
        mary.env,
        file_actions=[(os.POSIX_SPAWN_DUP2, its, fd) for fd in (0, 1, 2)],
    )
    os.close(its)
    said = b""
    while chunk := _read(ours):
        said += chunk
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said.decode()
    assert b"URL of the server" in said
    assert b"Profile to sign with, of default, My Profile" in said
    assert b"Make these changes? [Y/n]" in said
    assert f"access key {key[0]}".encode() in said
    assert "--profile 'My Profile'" in (mary.home / ".gitconfig").read_text()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the last who had it open has ended
        return b""
