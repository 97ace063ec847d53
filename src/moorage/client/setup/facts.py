"""What setup knows of a machine: read once, before anything is asked or planned."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from moorage.client import aws_files, git_config
from moorage.client.git_config import Entry, Git
from moorage.client.machine import Machine, System, printable

Scope = Literal["global", "local", "system"]

# What overrides http.sslCAInfo, whatever a configuration says.
CA_OVERRIDES = ("GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY", "GIT_SSL_CAPATH")
# Where credentials come from without any profile.
SOURCE_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_KINDS = (
    ("role_arn", "a role"),
    ("sso_session", "single sign-on"),
    ("sso_start_url", "single sign-on"),
    ("login_session", "aws login"),
    ("credential_process", "a program"),
    ("aws_session_token", "temporary keys"),
    ("aws_access_key_id", "keys"),
)


class NotReady(Exception):
    """The machine lacks something that setup cannot bring; the message says how to get it."""


class Profile(NamedTuple):
    """A profile of AWS's files: its region, and what its credentials are ("" for none of its own)."""

    name: str
    region: str | None
    kind: str


class Facts(NamedTuple):
    """`file` is the one of git's that `scope` writes, `text` what is in it (None: no file yet)."""

    system: System
    environment: Mapping[str, str]
    git: Git
    entries: list[Entry]
    scope: Scope
    file: Path
    text: str | None
    hosts_path: Path
    hosts_text: str | None
    aws_config: Path
    aws_config_text: str | None
    aws: str | None
    profiles: tuple[Profile, ...]
    helper: str

    def profile(self, name: str) -> Profile | None:
        return next((each for each in self.profiles if each.name == name), None)


def read(machine: Machine, scope: Scope) -> Facts:
    """Read all that a plan is made of.

    Raises:
        NotReady: there is no git, or no file for the scope.
        git_config.ConfigUnreadable: git cannot read its configuration.
        aws_files.Unreadable: an AWS file is not as AWS reads it.
    """
    git = git_config.git(machine)
    if git is None:
        raise NotReady(_no_git(machine))
    file = git_config.config_file(machine, git, scope)
    if file is None:
        raise NotReady(
            f"--{scope}: {_why_no_file(machine, git, scope)}; run it there, or leave --{scope} out"
        )
    aws_config = Path(aws_files.config_path(machine.environment))
    hosts_path = machine.config_folder / "hosts"
    return Facts(
        system=machine.system,
        environment=machine.environment,
        git=git,
        entries=git_config.entries(machine, git),
        scope=scope,
        file=file,
        text=machine.read(file),
        hosts_path=hosts_path,
        hosts_text=machine.read(hosts_path),
        aws_config=aws_config,
        aws_config_text=machine.read(aws_config),
        aws=machine.which("aws"),
        profiles=_profiles(machine),
        helper=helper(machine),
    )


def _why_no_file(machine: Machine, git: Git, scope: Scope) -> str:
    if scope == "system":
        return "git does not tell where the system's configuration is"
    said = machine.run([git.path, "rev-parse", "--git-dir"]).stderr.strip().partition("\n")[0]
    return printable(said.removeprefix("fatal: ")) or "this folder is in no repository"


def helper(machine: Machine) -> str:
    """Return the helper's line: a program by its absolute path, quoted for the shell that git uses.

    The launcher where a wheel has brought it; else the interpreter, started as the launcher starts it.
    """
    if machine.system == "windows":
        folder = re.sub(r"[\\/]+[^\\/]*$", "", _forward(machine.python))
        inside = [f"{folder}/{each}" for each in ("moorage.exe", "Scripts/moorage.exe")]
        found = next(
            (each for each in inside if machine.is_file(each)), machine.which("moorage") or inside[0]
        )
        return f"!{shlex.quote(_forward(found))} credential-helper --password-expiry"
    if Path(sys.argv[0]).suffix == ".pyz":
        archive = str(Path(sys.argv[0]).absolute())
        words = [machine.python, "-I", "-S", archive, "credential-helper", "--password-expiry"]
        return "!" + shlex.join(words)
    launcher = Path(machine.python).parent / "git-credential-moorage"
    module = Path(__file__).parents[1] / "credential_helper.py"
    if machine.is_file(launcher) and "-packages" in str(module):
        return f"!{shlex.quote(str(launcher))}"
    return "!" + shlex.join([machine.python, "-I", "-S", str(module)])


def _forward(path: str) -> str:
    """Write a Windows path as git's shell takes it: with slashes, for backslashes are its escapes."""
    return path.replace("\\", "/")


def _profiles(machine: Machine) -> tuple[Profile, ...]:
    environment = machine.environment
    config = aws_files.profiles_of(aws_files.read(aws_files.config_path(environment)))
    credentials = aws_files.read(aws_files.credentials_path(environment))
    names = sorted({*config, *credentials}, key=lambda name: (name != aws_files.DEFAULT_PROFILE, name))
    return tuple(_profile(name, {**config.get(name, {}), **credentials.get(name, {})}) for name in names)


def _profile(name: str, settings: Mapping[str, str]) -> Profile:
    kind = next((kind for key, kind in _KINDS if settings.get(key)), "")
    return Profile(name, settings.get("region") or None, kind)


def _no_git(machine: Machine) -> str:
    path = machine.which("git")
    if path is None:
        return f"git is not installed, or not on PATH: {_how_to_get_git(machine.system)}"
    said = machine.run([path, "--version"]).stderr.strip() or "it says nothing"
    return f"{printable(path)} does not run: {printable(said)}"


def _how_to_get_git(system: System) -> str:
    return {
        "linux": "install your distribution's package (apt install git, dnf install git)",
        "macos": "run xcode-select --install, or brew install git",
        "windows": "install Git for Windows (winget install Git.Git), then open a new terminal",
    }[system]
