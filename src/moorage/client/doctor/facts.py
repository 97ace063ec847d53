"""What doctor knows of a machine when it begins to judge: read once, by `reading`, and never changed.

A check is a pure function of these facts, so that a test can make up any machine, and a finding does not
depend on what another check ran.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from moorage.client import aws_files
from moorage.client.doctor.helper_line import HelperLine
from moorage.client.doctor.urls import Url
from moorage.client.git_config import Entry, Git
from moorage.client.machine import System
from moorage.client.server_probe import Probe

SIGNATURE = re.compile(r"\d{8}T\d{6}Z[0-9a-f]{64}")
GIT_CREDENTIAL = re.compile(r"[\w+=,.@-]+-at-\d{12}(?:-\d+)?")
AWS_HELPERS = frozenset({"aws", "moorage"})


@dataclass(frozen=True, slots=True)
class Helper:
    """One helper that git would ask for a URL: the entry that names it, and how its line reads."""

    entry: Entry
    kind: str
    line: HelperLine

    @property
    def is_codecommits(self) -> bool:
        """Whether it is meant to sign, even if its line is broken."""
        return self.kind in AWS_HELPERS or self.line.is_codecommits

    @property
    def of_repository(self) -> bool:
        return is_of_repository(self.entry)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that doctor looks at: a remote, a host with a section of its own, or the one asked for."""

    url: Url  # as git uses it, after insteadOf
    remote: str | None  # the remote's name
    where: str  # what names it: "remote.origin.url in .git/config, line 8", "the command line"
    entry: Entry | None  # the remote's entry; None if it is rewritten by insteadOf, or not of a remote
    helpers: tuple[Helper, ...]  # in the order in which git asks
    use_http_path: Entry | None
    is_trusted: bool  # the user, not the repository, has said that this host gets signatures
    moorage_signs: bool  # moorage's helper answers for it: AWS's own name, or set up

    @property
    def profile_named(self) -> str | None:
        """The profile that the helper's line or the codecommit:// URL names."""
        if self.url.scheme == "codecommit":
            return self.url.user
        return next((each.line.profile_meant for each in self.helpers if each.is_codecommits), None)

    @property
    def uses_https(self) -> bool:
        return self.url.scheme != "codecommit"

    @property
    def signer(self) -> Helper | None:
        """The first helper that is meant to sign."""
        return next((each for each in self.helpers if each.is_codecommits), None)

    @property
    def before(self) -> tuple[Helper, ...]:
        """The helpers that git asks before the one that signs."""
        signer = self.signer
        return self.helpers[: self.helpers.index(signer)] if signer else ()


@dataclass(frozen=True, slots=True)
class Program:
    """A program as the shell that runs helpers finds it; `version` is what it says of itself."""

    name: str
    path: str | None = None
    interpreter: str | None = None  # of its `#!` line, with arguments; None: no script
    interpreter_is_there: bool = True
    version: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a helper said when asked as git asks. What it gave is shown to nobody."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    said: str  # on standard error
    status: int
    seconds: float
    erase: tuple[tuple[str, ...], str] = field(repr=False)  # the program that forgets it, and its input

    @property
    def is_given(self) -> bool:
        return bool(self.username and self.password)

    @property
    def is_signature(self) -> bool:
        return SIGNATURE.fullmatch(self.password) is not None

    @property
    def is_git_credential(self) -> bool:
        """Whether the name is one that IAM gives to Git credentials: NAME-at-ACCOUNT."""
        return GIT_CREDENTIAL.fullmatch(self.username) is not None


@dataclass(frozen=True, slots=True)
class AwsFile:
    """One of AWS's two files. `problem` says why it could not be read."""

    path: str
    text: str | None
    sections: aws_files.Sections
    problem: str | None
    mode: int | None


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that the user stands in."""

    folder: Path  # .git, or where it leads
    config: Path
    pre_push: str | None  # the hook's path
    pack_bytes: int


@dataclass(frozen=True, slots=True)
class LoginToken:
    """What a cache of `aws sso login` or `aws login` says about one profile."""

    profile: str
    kind: str  # "sso" or "login"
    path: str
    expires_at: float | None  # Unix time, seconds; None: there is no such file, or it says nothing
    renews: bool  # the program renews it by itself


@dataclass(frozen=True, slots=True)
class Facts:
    """A machine, its Git and AWS set-up, and the URLs to look at."""

    system: System
    environment: Mapping[str, str]
    home: Path
    is_on_ec2: bool  # so that the machine itself may have credentials
    now: float  # Unix time, seconds
    git: Git | None
    git_build: str  # what git and curl say about the libraries they were built with
    git_problem: str | None  # why Git's configuration could not be read
    entries: tuple[Entry, ...]
    targets: tuple[Target, ...]
    programs: Mapping[str, Program]
    config: AwsFile
    credentials: AwsFile
    answers: Mapping[tuple[str, str], Answer]  # by (target's URL as text, helper's value)
    tokens: tuple[LoginToken, ...]
    files: Mapping[str, str | None]  # certificate files that settings name, with their text
    tools: tuple[str, ...]  # programs that bring a git of their own
    repository: Repository | None
    global_config: Path
    hosts_file: Path
    moorage_helper: str  # the line that runs moorage's helper here
    probes: Mapping[str, Probe] = field(
        default_factory=dict
    )  # by the target's URL; none: no server was asked

    def over_https(self) -> Iterator[Target]:
        return (target for target in self.targets if target.uses_https)

    def profile_of(self, target: Target) -> str:
        return aws_files.profile_of(self.environment, target.profile_named)

    def settings(self, profile: str) -> Mapping[str, str]:
        """Return what both of AWS's files say of a profile; the credentials file wins."""
        of_config = aws_files.profiles_of(self.config.sections).get(profile, {})
        return {**of_config, **self.credentials.sections.get(profile, {})}

    def knows(self, profile: str) -> bool:
        return profile in aws_files.profiles_of(self.config.sections) or profile in self.credentials.sections

    def value(self, key: str) -> Entry | None:
        """Return the entry that decides a key without a URL."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)

    def answer(self, target: Target, helper: Helper) -> Answer | None:
        """Return what a helper said about a target; None if it was not asked."""
        return self.answers.get((target.url.text, helper.entry.value))

    def program(self, word: str | None) -> Program | None:
        """Return a program by the word that a line starts it with; None if doctor did not look for it."""
        return None if word is None else self.programs.get(word)


def is_of_repository(entry: Entry) -> bool:
    """Tell whether an entry is the repository's (which may be anybody's), not the user's."""
    return entry.scope in {"local", "worktree"}


def place(entry: Entry) -> str:
    """Return where an entry stands: `credential.helper = manager in /etc/gitconfig, line 4 (system)`."""
    return f"{entry.key} = {entry.value} in {_file_and_line(entry)}"


def named_in(entry: Entry) -> str:
    """Return where a key stands, without its value."""
    return f"{entry.key} in {_file_and_line(entry)}"


def _file_and_line(entry: Entry) -> str:
    line = f", line {entry.line}" if entry.line else ""
    return f"{entry.file or 'the environment'}{line} ({entry.scope})"
