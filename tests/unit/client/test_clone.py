"""What a clone is of, where git signs in for it, and what is written: without a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from moorage.client import clone
from moorage.client.clone import Options, Outcome
from moorage.client.machine import ThisMachine
from moorage.client.setup import facts as setup_facts
from moorage.client.setup.command import Declined
from moorage.client.setup.facts import NotReady
from moorage.client.setup.target import NotUnderstood

AWS = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/demo"


class Terminal:
    def __init__(self, answer: str | None = None) -> None:
        self.answer, self.said = answer, ""

    def ask(self, question: str) -> str | None:
        self.said += question
        return self.answer

    def say(self, text: str = "") -> None:
        self.said += f"{text}\n"


class User:
    """A user with two profiles, git, and nothing set up."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ran: list[Sequence[str]] = []
        self.environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
        (home / ".aws").mkdir()
        (home / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n[profile dev]\n")

    @property
    def machine(self) -> ThisMachine:
        return ThisMachine(self.environment, folder=self.home)

    def hosts(self, text: str) -> None:
        (self.home / ".config" / "moorage").mkdir(parents=True)
        (self.home / ".config" / "moorage" / "hosts").write_text(text)

    def clones(self, name: str, *, terminal: Terminal | None = None, **options: object) -> Outcome:
        told = Options(name, **{"yes": True, **options})  # type: ignore[arg-type]  # by name
        return clone.run(told, self.machine, terminal or Terminal(), self._runs)

    def _runs(self, argv: Sequence[str]) -> int:
        self.ran.append(argv)
        return 0

    @property
    def config(self) -> str:
        file = self.home / ".gitconfig"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def test_a_name_is_awss_in_the_profiles_region_where_nothing_else_is_set_up(user: User) -> None:
    outcome = user.clones("demo", git=("--depth", "1"))
    assert outcome.url == AWS
    assert user.ran[0][1:] == ("clone", "--depth", "1", "--", AWS)
    helper = setup_facts.helper(user.machine)
    [before, section] = user.config.split('[credential "https://git-codecommit.eu-west-1.amazonaws.com"]')
    assert before == ""
    assert section.split("\n")[1:4] == ["\thelper =", f"\thelper = {helper}", "\tuseHttpPath = true"]
    assert user.clones("demo").planned.changes == []


@pytest.mark.parametrize(
    ("name", "region", "profile"),
    [
        ("codecommit::us-east-2://dev@demo", "us-east-2", "dev"),
        ("codecommit::us-east-2://demo", "us-east-2", None),
        ("codecommit://dev@demo", "eu-west-1", "dev"),
        ("https://git-codecommit.us-east-2.amazonaws.com/v1/repos/demo", "us-east-2", None),
    ],
)
def test_every_way_to_write_a_repository_means_the_same(
    user: User, name: str, region: str, profile: str | None
) -> None:
    (user.home / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile dev]\nregion=eu-west-1\n"
    )
    assert user.clones(name).url == f"https://git-codecommit.{region}.amazonaws.com/v1/repos/demo"
    assert (f"--profile {profile}" in user.config) == (profile is not None)


def test_a_profile_beside_the_one_set_up_is_kept_in_the_clone(user: User) -> None:
    user.clones("demo")
    before = user.config
    outcome = user.clones("codecommit::eu-west-1://dev@demo", folder="work", profile="dev")
    assert user.config == before
    base = "credential.https://git-codecommit.eu-west-1.amazonaws.com"
    helper = setup_facts.helper(user.machine)
    assert outcome.configuration == (
        (f"{base}.helper", ""),
        (f"{base}.helper", f"{helper} --profile dev"),
        (f"{base}.useHttpPath", "true"),
    )
    assert user.ran[-1][2:4] == ("--config", f"{base}.helper=")
    assert user.ran[-1][-3:] == ("--", AWS, "work")


def test_a_profile_in_the_url_counts_as_one_that_is_named(user: User) -> None:
    user.clones("demo")
    outcome = user.clones("codecommit::eu-west-1://dev@demo")
    assert outcome.configuration[1][1].endswith("--profile dev")


def test_a_bare_name_with_several_servers_asks_which(user: User) -> None:
    user.hosts("*.git.example.org\nother.example.org:8443 region=eu-west-1\n")
    assert clone._set_up("*.git.example.org\nx.example\n", "eu-west-1") == [
        "https://git-codecommit.eu-west-1.git.example.org"
    ]
    assert clone._set_up("*.git.example.org\nx.example\n", None) == ["https://x.example"]
    (user.home / ".config" / "moorage" / "hosts").write_text("a.example\nb.example\n")
    with pytest.raises(NotUnderstood, match=r"a\.example.*b\.example.*--server"):
        user.clones("demo")
    assert user.clones("demo", server="aws").url == AWS


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CODECOMMIT"])
def test_awss_own_endpoint_is_aws(user: User, variable: str) -> None:
    user.environment[variable] = "https://codecommit.eu-west-1.amazonaws.com"
    assert user.clones("demo").url == AWS


def test_the_profiles_services_section_names_the_server(user: User) -> None:
    (user.home / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-1\nservices = ours\n[services ours]\ncodecommit =\n"
        "  endpoint_url = https://127.0.0.1:1\n"
    )
    facts = setup_facts.read(user.machine, "global")
    assert clone._endpoint(facts, None) == "https://127.0.0.1:1"
    user.environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    assert clone._endpoint(setup_facts.read(user.machine, "global"), None) is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("", {}),
        ("a b", {}),
        ("--upload-pack=evil", {}),
        ("ext::sh -c evil", {}),
        ("git@host:demo", {}),
        ("https://git.example.org", {}),
        ("demo", {"server": "https://git.example.org/v1/repos/x"}),
        ("codecommit::nowhere://demo", {}),
    ],
)
def test_what_is_no_repository_runs_nothing(user: User, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood):
        user.clones(name, **options)
    assert user.ran == []
    assert user.config == ""


def test_an_unknown_profile_names_the_known_ones(user: User) -> None:
    with pytest.raises(NotReady, match="default, dev"):
        user.clones("demo", profile="prod")


def test_without_a_yes_nothing_is_written_nor_cloned(user: User) -> None:
    for answer in (None, "n"):
        with pytest.raises(Declined):
            user.clones("demo", yes=False, terminal=Terminal(answer))
    assert (user.ran, user.config) == ([], "")
    shown = Terminal()
    user.clones("demo", dry_run=True, yes=False, terminal=shown)
    assert "+[credential" in shown.said
    assert (user.ran, user.config) == ([], "")
