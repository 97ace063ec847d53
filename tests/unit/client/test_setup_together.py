"""Several setups on one machine leave each other alone; a server is set up by the port it is reached at."""

from __future__ import annotations

from pathlib import Path

from moorage.client import git_config
from moorage.client.discovery import parsed
from moorage.client.git_config import Git
from moorage.client.setup import plan as planning
from moorage.client.setup import target as targets
from moorage.client.setup.facts import Facts, Profile
from moorage.client.setup.plan import Choices
from moorage.client.setup.target import Target
from moorage.edge.discovery import Surroundings, document

VERSION = (2, 39, 5)
DOMAIN = "amazonaws.com.localhost"
BASE = "https://localhost:8443"


def facts(text: str) -> Facts:
    return Facts(
        system="linux",
        environment={},
        git=Git("/usr/bin/git", VERSION, "git version 2.39.5", "/usr/lib/git-core"),
        entries=[],
        scope="global",
        file=Path("/home/mary/.gitconfig"),
        text=text,
        hosts_path=Path("/home/mary/.config/moorage/hosts"),
        hosts_text=None,
        aws_config=Path("/home/mary/.aws/config"),
        aws_config_text=None,
        aws=None,
        profiles=(Profile("default", None, "keys"),),
        helper="!/usr/bin/git-credential-moorage",
    )


def server(url: str) -> Target:
    prefix = f"https://git-codecommit.us-east-2.{DOMAIN}:8443/v1/repos/"
    told = document(Surroundings(DOMAIN, "us-east-2", BASE, {"us-east-2": prefix}))
    asked = targets.asked(url)
    return targets.of_server(asked, parsed(told, asked.base), None, VERSION)


def with_setup(text: str, target: Target) -> str:
    made = planning.plan(facts(text), target, Choices())
    return next((each.after or "" for each in made.changes if each.path.name == ".gitconfig"), text)


def test_a_second_target_leaves_the_first_where_it_is() -> None:
    here, aws = server(BASE), targets.of_aws(None, "us-east-2", VERSION)
    both = with_setup(with_setup("", here), aws)
    assert with_setup(both, here) == both
    assert with_setup(both, aws) == both


def test_a_helper_for_all_that_was_added_since_is_passed_by_again() -> None:
    here = server(BASE)
    text = with_setup("", here) + "[credential]\n\thelper = manager\n"
    made = with_setup(text, here)
    sections = [line.section for line in git_config.lines_of(made) if line.key is None]
    assert sections[0] == "credential"
    assert with_setup(made, here) == made


def test_a_server_reached_by_a_port_that_is_passed_on_is_set_up_by_both() -> None:
    own = f"https://git-codecommit.us-east-2.{DOMAIN}"
    wide = f"https://git-codecommit.*.{DOMAIN}:8443"
    assert server(f"{own}:8443/v1/repos/x").sections == (wide,)
    passed_on = server(f"{own}:9443/v1/repos/x")
    assert passed_on.sections == (wide, f"{own}:9443")
    assert (f"git-codecommit.us-east-2.{DOMAIN}:9443", None) in passed_on.hosts
