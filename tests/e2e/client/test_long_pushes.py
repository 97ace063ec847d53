"""A push whose pre-push hook outlives the signature it began with goes through, and a bad key ends it.

Git asks its helper when a push begins; then the hook runs, then the pack is sent. Here the hook moves the
clocks of the server and of the helper on by more than a signature's life, so that nobody waits. From 2.46,
Git asks moorage's helper again in the middle of the push; for older ones the server lets a signature finish
the push that it began. In strict mode, as at AWS, it does not.
"""

from __future__ import annotations

import json
import random
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dev
import pytest

from attacker import Attacker
from person import AWS_V1, Done, Person
from service_process import Service, serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.needs("curl")]

OLD_GIT = Path("/usr/bin/git")
LATER_SECONDS = 16 * 60
HELPER = dev.ROOT / "src" / "moorage" / "client" / "credential_helper.py"
# moorage's own helper, with a clock that can be moved on; it notes what it is asked for.
CLOCKED_HELPER = """
import runpy
import sys
import time

HELPER, SHIFT, NOTES = WORDS
with open(NOTES, "a") as notes:
    notes.write(sys.argv[-1] + "\\n")
with open(SHIFT) as shift:
    later = float(shift.read())
now = time.time
time.time = lambda: now() + later
sys.argv[0] = HELPER
runpy.run_path(HELPER, run_name="__main__")
"""
SMALL, CHUNKED = 10, 3 << 20  # a pack beyond 1 MiB is sent in chunks, after a probe


class Pusher:
    """A person with moorage's helper in a repository whose hook takes long."""

    def __init__(self, person: Person, secret: str) -> None:
        self.person, self.service = person, person.service
        self.clone = person.home / "clone"
        self.shift, self.notes = person.home / "shift", person.home / "asked"
        self._set_up_helper(secret)
        person.name_in_commits()
        person.ok("git", "init", "--quiet", "--initial-branch=main", self.clone)
        person.ok("git", "remote", "add", "origin", self.service.url("long"), cwd=self.clone)
        self._set_up_hook()

    def _set_up_helper(self, secret: str) -> None:
        self.shift.write_text("0")
        script = self.person.home / "helper"
        words = (str(HELPER), str(self.shift), str(self.notes))
        script.write_text(f"#!{sys.executable} -IS\nWORDS = {words!r}\n{CLOCKED_HELPER}")
        script.chmod(0o700)
        self.person.git_global("credential.helper", f"!{shlex.quote(str(script))}")
        self.person.git_global("credential.useHttpPath", "true")
        self.person.env |= {"AWS_ACCESS_KEY_ID": self.service.key_id, "AWS_SECRET_ACCESS_KEY": secret}
        hosts = self.person.home / ".config" / "moorage" / "hosts"
        hosts.parent.mkdir(parents=True)
        hosts.write_text(f"*.amazonaws.com.localhost:{self.service.port}\n")

    def _set_up_hook(self) -> None:
        hook = self.clone / ".git" / "hooks" / "pre-push"
        hook.parent.mkdir(exist_ok=True)
        body = json.dumps({"shiftSeconds": LATER_SECONDS})
        move = ["curl", "-sSf", "--cacert", self.service.ca, "-H", "X-Moorage-Test: 1", "-d", body]
        move.append(f"{self.service.endpoint}/_moorage/clock")
        hook.write_text(f"#!/bin/sh\necho {LATER_SECONDS} > {self.shift}\n{shlex.join(map(str, move))}\n")
        hook.chmod(0o755)

    def pushes(self, git: Path, branch: str, size: int) -> Done:
        """Commit a file of random bytes and push it to a branch of its own."""
        noise = random.Random(size).randbytes(size)
        (self.clone / "noise").write_bytes(noise)
        self.person.ok("git", "add", "noise", cwd=self.clone)
        self.person.ok("git", "commit", "--quiet", "-m", f"For {branch}", cwd=self.clone)
        return self.person.run(
            "/usr/bin/env",
            "GIT_TRACE_CURL=/tmp/p6/trace",
            "GIT_TRACE_CURL_NO_DATA=1",
            git,
            "push",
            "origin",
            f"HEAD:refs/heads/{branch}",
            cwd=self.clone,
        )

    @property
    def asked(self) -> list[str]:
        return self.notes.read_text().split()

    def branches(self) -> set[str]:
        set_clock(self.service, 0)
        told: list[str] = self.service.client("codecommit").list_branches(repositoryName="long")["branches"]
        return set(told)


NewPusher = Callable[..., Pusher]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    with ExitStack() as stack:
        up = {
            mode: stack.enter_context(serving(tmp_path_factory.mktemp(mode), "--test-mode", "--compat", mode))
            for mode in ("friendly", "strict")
        }
        for service in up.values():
            service.create_repository("long")
        yield up


def set_clock(service: Service, seconds: int) -> None:
    body = json.dumps({"shiftSeconds": seconds}).encode()
    assert Attacker(service).ask("POST", "/_moorage/clock", [("X-Moorage-Test", "1")], body).status == 200


@pytest.fixture
def new_pusher(tmp_path: Path, servers: dict[str, Service]) -> NewPusher:
    def make(mode: str, secret: str | None = None) -> Pusher:
        service = servers[mode]
        set_clock(service, 0)
        return Pusher(Person(tmp_path / "home", AWS_V1, service), secret or service.secret)

    return make


@pytest.mark.parametrize("size", [SMALL, CHUNKED], ids=["small", "chunked"])
def test_git_renews_the_signature_in_the_middle_of_a_push(
    new_pusher: NewPusher, new_git: Path, size: int
) -> None:
    pusher = new_pusher("strict")
    done = pusher.pushes(new_git, f"renewed-{size}", size)
    assert done.status == 0, done.said
    assert f"renewed-{size}" in pusher.branches()
    assert pusher.asked.count("get") == 2


@pytest.mark.parametrize("size", [SMALL, CHUNKED], ids=["small", "chunked"])
def test_the_server_lets_an_older_git_finish_the_push_it_began(new_pusher: NewPusher, size: int) -> None:
    pusher = new_pusher("friendly")
    done = pusher.pushes(OLD_GIT, f"grace-{size}", size)
    assert done.status == 0, done.said
    assert f"grace-{size}" in pusher.branches()
    assert pusher.asked.count("get") == 1


def test_without_both_such_a_push_fails(new_pusher: NewPusher) -> None:
    pusher = new_pusher("strict")
    done = pusher.pushes(OLD_GIT, "lost", SMALL)
    assert done.status != 0
    assert "lost" not in pusher.branches()


def test_a_key_that_is_never_good_ends_the_push(new_pusher: NewPusher, new_git: Path) -> None:
    pusher = new_pusher("friendly", secret="not/the+Secret0123456789abcdefghijklmnopq")
    done = pusher.pushes(new_git, "bad-key", SMALL)
    assert done.status != 0
    assert "The signature is not that of this access key" in done.err
    assert pusher.asked.count("get") <= 3
