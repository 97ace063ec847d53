"""A user's machine, of real files in an empty home, with small programs in place of the big ones."""

from __future__ import annotations

import hashlib
import io
import shutil
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from moorage.cli import doctor
from moorage.client.doctor import reading, report
from moorage.client.doctor.facts import Facts
from moorage.client.doctor.finding import Finding
from moorage.client.machine import System, ThisMachine

HOST = "git-codecommit.us-east-1.amazonaws.com"
REMOTE = f"https://{HOST}/v1/repos/demo"
AWS_LINE = "!aws codecommit credential-helper $@"
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # the documentation's example
SIGNATURE = "20240229T123456Z" + "ef57d2df" * 8
AWS_V1 = "aws-cli/1.45.11 Python/3.11.7 Linux/6.1 botocore/1.43.11"
NOW = 1_764_000_000.0

GIT = shutil.which("git") or "git"
ANSWERS = f"echo username={KEY}; echo password={SIGNATURE}"


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Home:
    """A home with the guide's set-up for one remote; a test spoils it and asks doctor."""

    def __init__(self, folder: Path, system: System = "linux") -> None:
        self.home = folder
        self.system: System = system
        self.bin = folder / "bin"
        self.work = folder / "work"
        self.global_config = folder / ".gitconfig"
        self.system_config = folder / "etc" / "gitconfig"
        self.local_config = self.work / ".git" / "config"
        self.config = folder / ".aws" / "config"
        self.credentials = folder / ".aws" / "credentials"
        self.environment = {
            "HOME": str(folder),
            "USERPROFILE": str(folder),
            "PATH": str(self.bin),
            "GIT_CONFIG_SYSTEM": str(self.system_config),
        }
        self.bin.mkdir()
        (self.bin / "git").symlink_to(GIT)
        (self.bin / "sh").symlink_to("/bin/sh")  # on Windows it is not in /bin
        for part in ("objects/pack", "refs"):
            (self.work / ".git" / part).mkdir(parents=True)
        self.write(self.work / ".git" / "HEAD", "ref: refs/heads/main\n")
        self.write(self.local_config, "[core]\n\trepositoryformatversion = 0\n")
        self.remote(REMOTE)
        self.guide()
        self.aws()
        self.profile("default")

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def add(self, path: Path, text: str) -> None:
        self.write(path, (path.read_text() if path.exists() else "") + text)

    def program(self, name: str, body: str) -> Path:
        self.write(self.bin / name, f"#!/bin/sh\n{body}\n", 0o755)
        return self.bin / name

    def helper_program(self, name: str, answer: str, log: str = "") -> None:
        """Put a helper on PATH that answers `get`; it writes each operation down."""
        written = f'echo "$1" >> {self.home / "log"}\n' if log else ""
        self.program(f"git-credential-{name}", f'{written}case "$1" in get) {answer} ;; esac')

    def aws(self, version: str = AWS_V1, answer: str = ANSWERS) -> None:
        self.program("aws", f'case "$*" in --version) echo "{version}" ;; *get) {answer} ;; esac')

    def git_of(self, version: str, build: str = "") -> None:
        """Put a git on PATH that says it is of another version, and else is the real one."""
        (self.bin / "git").unlink()
        told = f'version) echo "git version {version}"; echo "{build}"; exit ;;' if build else ""
        self.program(
            "git",
            f'case "$1" in --version) echo "git version {version}"; exit ;; {told} esac\nexec {GIT} "$@"',
        )

    def guide(self) -> None:
        """Write the guide's two lines."""
        self.write(self.global_config, f"[credential]\n\thelper = {AWS_LINE}\n\tUseHttpPath = true\n")

    def section(self, *helpers: str, url: str = f"https://{HOST}", path: str = "true") -> None:
        lines = "".join(f"\thelper = {each}\n" for each in helpers)
        self.write(
            self.global_config,
            f'[credential "{url}"]\n{lines}' + (f"\tuseHttpPath = {path}\n" if path else ""),
        )

    def remote(self, url: str, name: str = "origin") -> None:
        kept = self.local_config.read_text().partition("[remote")[0]
        self.write(self.local_config, f'{kept}[remote "{name}"]\n\turl = {url}\n')

    def profile(self, name: str, *, key: str = KEY, more: str = "", region: str = "us-east-1") -> None:
        """Write both of AWS's files with one profile."""
        section = "default" if name == "default" else f"profile '{name}'"
        self.write(self.config, f"[{section}]\nregion = {region}\n")
        self.write(
            self.credentials, f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n{more}"
        )

    def sign_in(self, kind: str, name: str, told: str | None) -> None:
        """Leave what `aws sso login` or `aws login` leaves; None: nothing."""
        digest = hashlib.sha1 if kind == "sso" else hashlib.sha256
        file = self.home / ".aws" / kind / "cache" / f"{digest(name.encode()).hexdigest()}.json"
        if told is not None:
            self.write(file, told)

    @property
    def machine(self) -> ThisMachine:
        return ThisMachine(self.environment, folder=self.work, system=self.system)

    def facts(self, wanted: str | None = None) -> Facts:
        return reading.read(self.machine, wanted)

    def findings(self, wanted: str | None = None) -> list[Finding]:
        return report.diagnose(self.facts(wanted))

    def ids(self, wanted: str | None = None) -> list[str]:
        return [finding.id for finding in self.findings(wanted)]

    def doctor(self, *words: str) -> Said:
        """Run the command, as far as it is this process's."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = doctor.examine(self.machine, arguments(*words))
        return Said(status, out.getvalue(), err.getvalue())


def arguments(*words: str) -> Namespace:
    parser = ArgumentParser()
    doctor.add_arguments(parser)
    return parser.parse_args(words)
