"""Real Git with moorage's helper for every host, against servers that would like a signature."""

from __future__ import annotations

import base64
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dev
import pytest

from answering_server import Manners, Standing, standing
from credentials_at_hand import HOST, KEY, SECRET, TOKEN

pytestmark = pytest.mark.needs("git")

HELPER = dev.ROOT / "src" / "moorage" / "client" / "credential_helper.py"
REPOSITORY = "v1/repos/demo"


@pytest.fixture
def stranger() -> Iterator[Standing]:
    """A server that wants a password and takes any."""
    with standing(Manners(), None, time.time) as server:
        yield server


class Person:
    """Somebody whose Git asks moorage's helper for every host, with a session's keys."""

    def __init__(self, home: Path) -> None:
        self.home = home
        helper = shlex.join([sys.executable, "-I", "-S", str(HELPER)])
        (home / ".gitconfig").write_text(
            f'[credential]\n\thelper = "!{helper}"\n\tuseHttpPath = true\n[protocol]\n\tallow = always\n'
        )

    def allow(self, host: str) -> None:
        (self.home / ".config" / "moorage").mkdir(parents=True)
        (self.home / ".config" / "moorage" / "hosts").write_text(f"{host} region=us-east-2\n")

    def git(self, *words: str, stdin: str = "", git: str = "git") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [git, *words],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.home,
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ASKPASS": "",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_SESSION_TOKEN": TOKEN,
            },
            timeout=60,
            check=False,
        )


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@pytest.mark.parametrize(
    "authority", ["127.0.0.1", f"{HOST}.localhost", f"{HOST}@127.0.0.1", f"{HOST}%2f@127.0.0.1", "localhost"]
)
def test_a_server_that_nobody_set_up_gets_no_signature(
    person: Person, stranger: Standing, authority: str
) -> None:
    done = person.git("ls-remote", f"http://{authority}:{stranger.port}/{REPOSITORY}")
    assert done.returncode != 0
    assert "may get no signature" in done.stderr
    assert stranger.manners.asked
    # With a name in the URL curl sends that name by itself, and no password.
    assert {authorization for _, authorization in stranger.manners.asked} <= {"", *only_names(stranger)}


def only_names(server: Standing) -> set[str]:
    sent = {authorization for _, authorization in server.manners.asked if authorization}
    return {one for one in sent if base64.b64decode(one.removeprefix("Basic ")).endswith(b":")}


def test_a_server_that_is_set_up_gets_one(person: Person, stranger: Standing) -> None:
    person.allow(f"127.0.0.1:{stranger.port}")
    person.git("ls-remote", f"http://127.0.0.1:{stranger.port}/{REPOSITORY}")
    assert [bool(authorization) for _, authorization in stranger.manners.asked[:2]] == [False, True]


@pytest.mark.parametrize("after_sign_in", [False, True])
def test_a_redirect_takes_no_signature_along(person: Person, stranger: Standing, after_sign_in: bool) -> None:
    away = (
        302,
        {"Location": f"http://localhost:{stranger.port}/{REPOSITORY}/info/refs?service=git-upload-pack"},
        "",
    )
    manners = Manners(signed=away) if after_sign_in else Manners(bare=away)
    with standing(manners, None, time.time) as server:
        person.allow(f"127.0.0.1:{server.port}")
        done = person.git("ls-remote", f"http://127.0.0.1:{server.port}/{REPOSITORY}")
    assert done.returncode != 0
    assert stranger.manners.asked
    assert not any(authorization for _, authorization in stranger.manners.asked)


URLS = (
    f"https://evil.example%0ahost={HOST}/{REPOSITORY}",
    f"https://{HOST}%0d%0ahost=evil.example/{REPOSITORY}",
    f"https://{HOST}%00.evil.example/{REPOSITORY}",
    f"https://{HOST}%0d/{REPOSITORY}",
    f"https://{HOST}.evil.example/{REPOSITORY}",
    f"https://{HOST}@evil.example/{REPOSITORY}",
    f"https://evil.example:443#@{HOST}/{REPOSITORY}",
    f"http://{HOST}/{REPOSITORY}",
    f"ftp://{HOST}/{REPOSITORY}",
    f"https:///{HOST}/{REPOSITORY}",
    f"https://%2f{HOST}/{REPOSITORY}",
)


@pytest.mark.parametrize("url", URLS)
def test_what_git_makes_of_a_hostile_url_is_answered_with_nothing(person: Person, url: str) -> None:
    done = person.git("credential", "fill", stdin=f"url={url}\n\n")
    assert done.returncode != 0
    assert KEY not in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_sound_url_is_answered(person: Person) -> None:
    done = person.git("credential", "fill", stdin=f"url=https://{HOST}/{REPOSITORY}\n\n")
    assert f"username={KEY}%{TOKEN}\n" in done.stdout
