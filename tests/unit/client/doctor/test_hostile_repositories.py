"""A repository is anybody's: doctor reads what it names, shows it, and runs none of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from doctor_at_hand import AWS_LINE, HOST, REMOTE, Home
from moorage.client.setup import facts as setup_facts

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def hostile(home: Home) -> Path:
    """Plant all that git could be led to run by a repository's files; return the mark it would leave."""
    mark = home.home / "ran"
    program = home.work / "evil"
    home.write(program, f"#!/bin/sh\n: > '{mark}'\n", 0o755)
    touch = f"!: > '{mark}'; "
    home.write(home.work / "included", f"[credential]\n\thelper = {touch} #\n")
    home.write(
        home.local_config,
        f"""[core]
	repositoryformatversion = 0
	fsmonitor = {program}
	sshCommand = {program}
	askPass = {program}
	pager = {program}
	editor = {program}
	gitProxy = {program}
	alternateRefsCommand = {program}
	hooksPath = {home.work}/hooks
[include]
	path = ../included
[credential]
	helper = {program}
	helper = "{touch}aws codecommit credential-helper $@"
	helper = store --file={home.work}/evil
[credential "https://{HOST}"]
	helper = "!{program} credential_helper.py"
[remote "origin"]
	url = {REMOTE}
	uploadpack = {program}
	vcs = evil
[remote "\x1b]0;owned\x07"]
	url = https://mary@{HOST}/v1/repos/\x1b[31mred/
[remote "ext"]
	url = ext::{program}
[alias]
	config = {touch}
	version = {touch}
[filter "x"]
	process = {program}
""",
    )
    for name in ("pre-push", "post-checkout", "post-index-change", "fsmonitor-watchman"):
        home.write(home.work / "hooks" / name, program.read_text(), 0o755)
    for name in ("aws", "curl", "git-credential-manager", "git-remote-codecommit"):
        home.write(home.work / name, program.read_text(), 0o755)
    home.write(home.work / ".git" / "objects" / "info" / "alternates", f"{home.work}/elsewhere\n")
    home.environment["PATH"] += f":.:{home.work}"
    return mark


@pytest.mark.parametrize("words", [(), ("origin",), ("--fix", "--yes"), ("--json",)])
def test_nothing_that_a_repository_names_is_run(words: tuple[str, ...], tmp_path: Path) -> None:
    home = Home(tmp_path)
    mark = hostile(home)
    said = home.doctor(*words)
    assert said.status == 1
    assert not mark.exists()
    assert "helper-of-repository" in said.out
    assert CONTROLS.search(said.out + said.err) is None


@pytest.mark.parametrize(
    "line",
    [
        "!{program} codecommit credential-helper $@",
        "{program} codecommit credential-helper",
        "!{helper}; {program}",
        "!{helper} $({program})",
        "!aws codecommit credential-helper $@ && {program}",
    ],
)
def test_no_disguise_has_it_run(line: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    mark = home.home / "ran"
    program = home.home / "elsewhere" / "aws"
    home.write(program, f"#!/bin/sh\n: > '{mark}'\n", 0o755)
    ours = setup_facts.helper(home.machine).removeprefix("!")
    home.add(home.local_config, f'[credential]\n\thelper = "{line.format(program=program, helper=ours)}"\n')
    assert "helper-of-repository" in home.ids()
    assert not mark.exists()


def test_what_it_names_is_shown_with_its_place(tmp_path: Path) -> None:
    home = Home(tmp_path)
    hostile(home)
    shown = {each.evidence for each in home.findings() if each.id == "helper-of-repository"}
    places = (
        f"{home.work}/.git/../included, line 2",
        *(f"{home.local_config}, line {n}" for n in (14, 15, 18)),
    )
    assert len(shown) == len(places)
    assert all(any(f"{place} (local)" in each for each in shown) for place in places)


@pytest.mark.parametrize("path", ["~/.gitconfig", "../own"])
def test_its_lines_are_never_written_into_the_users_files(path: str, tmp_path: Path) -> None:
    """It could include the user's own file, so that git calls that one the repository's."""
    home = Home(tmp_path)
    home.write(home.global_config, "[user]\n\tname = Mary\n[credential]\n\thelper = cache\n")
    home.write(home.work / "own", "[credential]\n\thelper = cache\n")
    home.add(home.local_config, f"[include]\n\tpath = {path}\n[credential]\n\thelper = {AWS_LINE} # evil\n")
    before = home.global_config.read_text()
    home.doctor("--fix", "--yes")
    assert home.global_config.read_text() == before


def test_a_remedy_to_paste_holds_no_second_command(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add(home.local_config, f'[remote "x; touch owned"]\n\turl = "https://$(id)@{HOST}/v1/repos/a;id/"\n')
    remedies = [each.remedy for each in home.findings() if each.id in {"user-in-url", "trailing-slash"}]
    assert remedies
    assert all(f"'x; touch owned' 'https://{HOST}/v1/repos/a;id'" in each for each in remedies)


def test_secrets_in_urls_and_lines_are_not_shown(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"https://mary:hunter2@{HOST}/v1/repos/demo")
    home.add(home.local_config, "[credential]\n\thelper = !f() { echo password=hunter2; }; f\n")
    said = home.doctor()
    assert "helper-of-repository" in said.out
    assert "hunter2" not in said.out + said.err


def test_a_thousand_remotes_cost_no_thousand_helpers(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.program("aws", 'case "$1" in --version) ;; *) echo x >> "$HOME/log"; exit 1 ;; esac')
    hosts = "".join(f'[remote "r{n}"]\n\turl = https://x{n}.example/v1/repos/demo\n' for n in range(1000))
    home.add(home.local_config, hosts)
    facts = home.facts()
    assert len(facts.targets) == 1001
    assert len((home.home / "log").read_text().splitlines()) <= 12
    assert {target.url.host for target in facts.targets if target.is_trusted} == {HOST}
