"""`moorage setup` on a machine where sign-in fails as people report: afterwards it works."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from moorage.client.changes import ChangeRefused
from moorage.client.discovery import NotDiscovered
from moorage.client.machine import ThisMachine
from moorage.client.setup import command
from moorage.client.setup.command import Outcome
from moorage.client.setup.facts import NotReady
from moorage.client.setup.options import Options
from moorage.client.setup.target import NotUnderstood
from moorage.core.sigv4 import git_password
from person import Person
from service_process import Service

pytestmark = pytest.mark.needs("git")

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "setup.md"
SERVER, AWS, UNDO = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
WRITTEN = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
PROFILES = ["default", "My Profile", """it's "odd" $(touch $HOME/owned) `id` %USERPROFILE%"""]


class Silent:
    """A terminal at which nobody sits; what was said is kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ask(self, question: str) -> str | None:
        raise AssertionError(f"asked {question!r}")

    def say(self, text: str = "") -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository("demo")
    service.create_repository("other")
    return service.create_user("mary", POWER_USER)


@pytest.fixture
def mary(new_person: NewPerson, service: Service, key: tuple[str, str]) -> Person:
    """Has an access key, the server's CA, moorage on the PATH, and none of the variables that it prints."""
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        person.env.pop(name, None)
    person.write_profile(key)
    (person.home / ".local" / "bin" / "moorage").symlink_to(Path(sys.executable).with_name("moorage"))
    (person.home / "ca.pem").symlink_to(service.ca)
    return person


def set_up(person: Person, url: str | None, folder: Path | None = None, **options: object) -> Outcome:
    machine = ThisMachine(person.env, folder=folder or person.home)
    options = {"ca": person.service.ca, "yes": True, **options}
    return command.run(Options(url=url, **options), machine, Silent())  # type: ignore[arg-type] # by name


def test_before_it_fails_and_after_it_works_and_undo_gives_back_every_byte(
    mary: Person, service: Service
) -> None:
    mary.git_global("credential.helper", "store")
    (mary.home / ".git-credentials").write_text(
        f"https://AKIASTALE:20240229T123456Z{'0' * 64}@{service.host('us-east-2')}%3a{service.port}\n"
    )
    config = mary.home / ".gitconfig"
    before = config.read_bytes()
    assert "certificate" in mary.refused("git", "ls-remote", service.url("demo"))

    outcome = set_up(mary, service.url("demo"))
    assert outcome.proof is not None
    assert outcome.proof.said == ("the repository is empty",)
    assert outcome.clone == f"git clone {service.url('demo')}"
    mary.ok("git", "clone", service.url("demo"))
    for region in ("us-east-2", "eu-west-1"):
        assert "other" not in mary.refused("git", "ls-remote", service.url("nothing", region))

    again = set_up(mary, service.url("demo"))
    assert (again.written, again.planned.changes, again.status) == (False, [], 0)

    undone = command.undo(ThisMachine(mary.env, folder=mary.home), Silent(), yes=True, dry_run=False)
    assert undone.written
    assert config.read_bytes() == before
    assert not (mary.home / ".config" / "moorage" / "hosts").exists()
    with pytest.raises(ChangeRefused, match="nothing to undo"):
        command.undo(ThisMachine(mary.env, folder=mary.home), Silent(), yes=True, dry_run=False)


def test_the_bare_host_and_every_region_of_it_are_set_up_by_the_servers_url(
    mary: Person, service: Service
) -> None:
    outcome = set_up(mary, service.endpoint)
    assert outcome.proof is not None
    assert outcome.proof.ok, outcome.proof
    assert outcome.proof.said[0].startswith("the server knows access key AKIA")
    for url in (f"{service.endpoint}/v1/repos/demo", service.url("demo"), service.url("other")):
        mary.ok("git", "ls-remote", url)
    assert "region=" in (mary.home / ".config" / "moorage" / "hosts").read_text()


@pytest.mark.parametrize("profile", PROFILES[1:])
def test_a_profile_may_have_any_name(
    mary: Person, service: Service, key: tuple[str, str], profile: str
) -> None:
    credentials = mary.home / ".aws" / "credentials"
    credentials.write_text(
        "[default]\naws_access_key_id = AKIAWRONG00000000000\naws_secret_access_key = x\n"
        f"[{profile}]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n"
    )
    outcome = set_up(mary, service.url("demo"), profile=profile)
    assert outcome.proof is not None
    assert outcome.proof.ok, outcome.proof
    assert set_up(mary, service.url("demo"), profile=profile).written is False
    assert not (mary.home / "owned").exists()


@pytest.mark.parametrize("scope", ["global", "local", "system"])
def test_each_scope_holds_against_a_helper_of_the_systems_file(
    mary: Person, service: Service, scope: str
) -> None:
    del mary.env["GIT_CONFIG_NOSYSTEM"]
    system = mary.home / "etc gitconfig"
    system.write_text(
        f'[credential]\n\thelper = "!echo username=a; echo password=b >{mary.home}/asked; true"\n'
    )
    mary.env["GIT_CONFIG_SYSTEM"] = str(system)
    clone = mary.home / "clone"
    mary.ok("git", "init", "--quiet", str(clone))
    mary.ok("git", "remote", "add", "origin", service.url("demo"), cwd=clone)
    signed = service.url("demo").replace("://", "://ASIAEXAMPLE00000000A%25FwoGZXIvYXdz:20260101T000000Zab@")
    mary.ok("git", "remote", "add", "signed", signed, cwd=clone)
    for remote in ("origin", "signed"):
        with pytest.raises(NotUnderstood, match="a repository may name any host") as refusal:
            set_up(mary, remote, clone, scope=scope)
        assert "FwoGZXIvYXdz" not in str(refusal.value)
        assert "20260101T" not in str(refusal.value)
    outcome = set_up(mary, service.url("demo"), clone, scope=scope)
    assert outcome.proof is not None
    assert outcome.proof.ok, outcome.proof
    assert [each.path.name for each in outcome.planned.changes] == [
        {"global": ".gitconfig", "local": "config", "system": "etc gitconfig"}[scope],
        "hosts",
    ]
    mary.ok("git", "fetch", cwd=clone)
    assert not (mary.home / "asked").exists()
    for url in (None, "origin"):
        again = set_up(mary, url, clone, scope=scope)
        assert again.written is False
        assert again.url == service.url("demo")


def test_on_a_simulated_windows_the_manager_of_the_systems_file_is_asked_no_longer(
    mary: Person, service: Service
) -> None:
    """Its folders, line ends and a path with blanks; its manager is a program that notes its calls."""
    del mary.env["GIT_CONFIG_NOSYSTEM"]
    scripts = mary.home / "Program Files (x86)" / "it's Python" / "Scripts"
    scripts.mkdir(parents=True)
    program = Path(sys.executable).with_name("moorage")
    (scripts / "moorage.exe").write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n')
    (scripts / "moorage.exe").chmod(0o755)
    manager = mary.home / ".local" / "bin" / "git-credential-manager"
    answer = 'test "$1" != get || printf "username=a\\npassword=b\\n"'
    manager.write_text(f'#!/bin/sh\necho "$1" >>"{mary.home}/asked"\n{answer}\n')
    manager.chmod(0o755)
    system = mary.home / "gitconfig of Git for Windows"
    system.write_bytes(b"[credential]\r\n\thelper = manager\r\n")
    start = b"\xef\xbb\xbf[user]\r\n\tname = Mary\r\n"
    (mary.home / ".gitconfig").write_bytes(start)
    mary.env |= {
        "GIT_CONFIG_SYSTEM": str(system),
        "USERPROFILE": str(mary.home),
        "APPDATA": str(mary.home / ".config"),
        "LOCALAPPDATA": str(mary.home / "Local"),
    }
    assert "Authentication failed" in mary.refused(
        "git", "ls-remote", service.url("demo"), env={"GIT_SSL_CAINFO": str(service.ca)}
    )
    (mary.home / "asked").unlink()
    machine = ThisMachine(
        mary.env, folder=mary.home, system="windows", python=str(scripts / "python.exe").replace("/", "\\")
    )
    terminal = Silent()
    options = Options(url=service.url("demo"), ca=service.ca, yes=True)
    outcome = command.run(options, machine, terminal)
    assert outcome.proof is not None
    assert outcome.proof.ok, outcome.proof
    written = (mary.home / ".gitconfig").read_bytes()
    assert written.startswith(start)
    assert written.count(b"\r\n") == written.count(b"\n")
    (mary.home / "asked").unlink(missing_ok=True)  # setup asked what it keeps, to take out what is old
    mary.ok("git", "ls-remote", service.url("demo"))
    assert not (mary.home / "asked").exists()
    assert command.run(options, machine, terminal).written is False
    command.undo(machine, terminal, yes=True, dry_run=False)
    assert (mary.home / ".gitconfig").read_bytes() == start


def test_two_profiles_have_a_repository_each(mary: Person, service: Service) -> None:
    wrong = "[stranger]\naws_access_key_id = AKIAWRONG00000000000\naws_secret_access_key = x\n"
    with (mary.home / ".aws" / "credentials").open("a") as file:
        file.write(wrong)
    set_up(mary, service.url("other"), profile="stranger", only=True, check=False)
    assert set_up(mary, service.url("demo"), profile="default").status == 0
    assert "Authentication failed" in mary.refused("git", "ls-remote", service.url("other"))
    mary.env |= {"GIT_TRACE_CURL": "1", "GIT_TRACE_REDACT": "0"}
    refused = set_up(mary, service.url("other"), profile="stranger", only=True)
    assert refused.proof is not None
    assert "Basic" not in "".join(refused.proof.said)
    assert "is not known" in refused.proof.said[0], refused.proof.said
    assert refused.written is False
    assert refused.status == 1
    mary.ok("git", "ls-remote", service.url("demo"))


def test_a_profile_may_go_by_the_user_in_the_url(
    mary: Person, service: Service, key: tuple[str, str]
) -> None:
    (mary.home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAWRONG00000000000\naws_secret_access_key = x\n"
        f"[work]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n"
    )
    of_work = service.url("demo").replace("https://", "https://work@")
    outcome = set_up(mary, of_work.partition("/v1/")[0], profile="work", only=True)
    assert outcome.status == 0, outcome.proof
    assert outcome.clone == f"git clone {of_work.removesuffix('demo')}NAME"
    assert set_up(mary, service.url("demo")).status == 1
    mary.ok("git", "ls-remote", of_work)
    again = set_up(mary, of_work, profile="work", only=True)
    assert (again.status, again.url) == (0, of_work)


def test_a_helper_of_this_folders_repository_is_told_and_does_no_harm_elsewhere(
    mary: Person, service: Service
) -> None:
    clone = mary.home / "clone"
    mary.ok("git", "init", "--quiet", str(clone))
    mary.ok("git", "config", "credential.helper", "!touch $HOME/owned;", cwd=clone)
    outcome = set_up(mary, service.url("demo"), clone)
    assert outcome.status == 0
    assert outcome.proof is not None
    assert "in this folder's repository git also asks !touch" in outcome.proof.said[-1]
    assert outcome.proof.said[-1].endswith(": use --local to come behind it")
    assert f"{clone}/.git/config, line" in outcome.proof.said[-1]
    assert not (mary.home / "owned").exists()


def test_a_line_to_paste_starts_nothing_that_a_url_names(mary: Person, service: Service) -> None:
    url = f"{service.url('demo')}$(touch${{IFS}}owned)"
    outcome = set_up(mary, url, check=False)
    assert outcome.clone == f"git clone '{url}'"


@pytest.mark.parametrize("scope", ["global", "local"])
def test_nothing_that_a_repository_names_is_started(mary: Person, service: Service, scope: str) -> None:
    clone = mary.home / "clone"
    mary.ok("git", "init", "--quiet", str(clone))
    touch = "touch $HOME/owned;"
    command_line = f'"{touch}"'
    (clone / ".git" / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n"
        + "".join(
            f"\t{key} = {command_line}\n" for key in ("fsmonitor", "pager", "editor", "askPass", "sshCommand")
        )
        + f'[pager]\n\tconfig = {command_line}\n[credential]\n\thelper = "!{touch}"\n'
        + f'[protocol "ext"]\n\tallow = always\n[url "ext::sh -c {touch} "]\n\tinsteadOf = https://\n'
        + f'[alias]\n\tconfig = "!{touch}"\n\tls-remote = "!{touch}"\n'
    )
    outcome = set_up(mary, service.url("demo"), clone, scope=scope)
    assert not (mary.home / "owned").exists()
    assert outcome.proof is not None
    assert outcome.proof.ok == (scope == "global")
    if scope == "local":
        assert "transport 'ext' not allowed" in "".join(outcome.proof.said)


def test_what_it_cannot_do_it_says(mary: Person, service: Service) -> None:
    with pytest.raises(NotReady, match=r"no profile nobody .* there are: default"):
        set_up(mary, service.url("demo"), profile="nobody")
    with pytest.raises(NotDiscovered, match="give the file of the server's CA by --ca FILE"):
        set_up(mary, service.url("demo"), ca=None)
    for ca, why in (
        (mary.home / "nothing.pem", "No such file"),
        (mary.home, "no file of certificates|Is a directory"),
        (mary.home / ".aws" / "credentials", "no file of certificates"),
    ):
        with pytest.raises(NotUnderstood, match=rf"--ca .* cannot be used: .*({why})"):
            set_up(mary, service.url("demo"), ca=ca)
    with pytest.raises(NotDiscovered, match=r"is no moorage server|cannot be reached"):
        set_up(mary, "https://localhost:1/v1/repos/x")
    with pytest.raises(NotUnderstood, match="end in /v1/repos/NAME"):
        set_up(mary, f"{service.endpoint}/mary/demo.git")
    with pytest.raises(NotUnderstood, match="does not serve region xx-west-1"):
        set_up(mary, service.endpoint, region="xx-west-1")
    with pytest.raises(NotReady, match="--local: not a git repository"):
        set_up(mary, service.url("demo"), scope="local")
    mary.env["PATH"] = str(mary.home)
    with pytest.raises(NotReady, match="git is not installed"):
        set_up(mary, service.url("demo"))
    broken = mary.home / "git"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 128\n")
    broken.chmod(0o755)
    with pytest.raises(NotReady, match="/git does not run: it is broken"):
        set_up(mary, service.url("demo"))
    assert not (mary.home / ".gitconfig").exists()


def test_the_command_prints_json_and_asks_nothing(mary: Person, service: Service) -> None:
    program = Path(sys.executable).with_name("moorage")
    words = ("setup", service.url("demo"), "--ca", service.ca, "--json")
    assert "add --yes" in mary.refused(program, *words)
    assert "nothing else" in mary.refused(program, "setup", "--guide", "--only", "--dry-run")
    assert "--route-to is for" in mary.refused(program, *words, "--route-to", "127.0.0.1", "--yes")
    latin = {"PYTHONIOENCODING": "ascii:strict"}  # as a console that knows few characters
    folder = mary.home / "földer"
    folder.mkdir()
    (folder / "ca.pem").write_bytes(service.ca.read_bytes())
    dry = mary.ok(program, "setup", service.url("demo"), "--ca", folder / "ca.pem", "--dry-run", env=latin)
    assert "f?lder/ca.pem" in dry
    told = json.loads(mary.ok(program, *words, "--yes"))
    assert told["written"] is True
    assert told["proof"]["ok"] is True
    assert told["clone"] == f"git clone {service.url('demo')}"
    assert [Path(each["path"]).name for each in told["changes"]] == [".gitconfig", "hosts"]


def test_the_lines_for_a_server_clone_and_are_taken_back(mary: Person, service: Service) -> None:
    said = mary.ok("bash", "-ec", SERVER.replace("8443", str(service.port)))
    assert "works: git ls-remote" in said
    assert (mary.home / "demo" / ".git").exists()
    mary.ok("bash", "-ec", UNDO)
    assert not (mary.home / ".gitconfig").exists()


def test_the_line_for_aws_writes_the_section_that_is_shown_and_signs(
    mary: Person, key: tuple[str, str]
) -> None:
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
    (mary.home / ".aws" / "credentials").unlink()
    mary.write_profile(("AKIAWRONG00000000000", "wrong"), profile="other")
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
    assert b"Profile to sign with, of default, My Profile, other" in said
    assert b"Make these changes? [Y/n]" in said
    assert f"access key {key[0]}".encode() in said
    assert "--profile 'My Profile'" in (mary.home / ".gitconfig").read_text()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the last who had it open has ended
        return b""
