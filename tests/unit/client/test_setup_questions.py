"""What setup asks a person, and only what the command line, the folder and AWS's files leave open."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.client.machine import ThisMachine
from moorage.client.setup import asked, facts
from moorage.client.setup.options import Options


class Answering:
    """A person who means AWS, and gives the same answer to all other questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, question: str) -> str | None:
        self.asked.append(question.partition(" ")[0])
        return "" if self.asked == ["URL"] else " so \n"

    def say(self, text: str = "") -> None:
        raise AssertionError(text)


def _asked(home: Path, config: str, options: Options, **environment: str) -> tuple[list[str], Options]:
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(config)
    machine = ThisMachine(
        {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", **environment}, folder=home
    )
    person = Answering()
    told = asked.missing(options, facts.read(machine, "global"), person)
    return person.asked, told


ONE, TWO = "[default]\nregion = eu-west-1\n", "[default]\n[profile dev]\n"


@pytest.mark.parametrize(
    ("config", "options", "environment", "questions"),
    [
        ("", Options(), {}, ["URL", "Region"]),
        (ONE, Options(), {}, ["URL"]),
        (TWO, Options(), {}, ["URL", "Profile", "Region"]),
        (TWO, Options(), {"AWS_PROFILE": "dev", "AWS_REGION": "eu-west-1"}, ["URL"]),
        (TWO, Options(url="https://localhost:8443"), {}, ["Profile"]),
        (TWO, Options(region="eu-west-1", profile="dev"), {}, ["URL"]),
        (TWO, Options(yes=True), {}, []),
        (ONE, Options(guide=True), {}, []),
    ],
    ids=str,
)
def test_only_what_is_open_is_asked(
    config: str, options: Options, environment: dict[str, str], questions: list[str], tmp_path: Path
) -> None:
    said, _ = _asked(tmp_path, config, options, **environment)
    assert said == questions


def test_an_answer_counts_as_if_it_were_an_option(tmp_path: Path) -> None:
    _, told = _asked(tmp_path, TWO, Options())
    assert (told.url, told.profile, told.region) == (None, "so", "so")
