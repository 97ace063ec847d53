"""A person at a terminal: an own HOME, real programs, nothing preset."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dev

from service_process import Service

PROGRAM_SECONDS = 120.0
QUICK_HELPER = """
import sys

sys.path.insert(0, WORDS["source"])
if sys.argv[1] == "get":
    from datetime import UTC, datetime

    from moorage.core.sigv4 import git_password, host_without_port

    asked = dict(line.rstrip("\\n").split("=", 1) for line in sys.stdin if "=" in line)
    host, path = host_without_port(asked["host"]), "/" + asked["path"]
    region = WORDS["region"] or host.split(".")[1]
    password = git_password(host, path, secret=WORDS["secret"], region=region, now=datetime.now(UTC))
    print(f"username={WORDS['key_id']}\\npassword={password}")
"""
VENV_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class AwsCli:
    """One build of the AWS CLI."""

    name: str
    version: str  # how `aws --version` begins
    script: str  # what the person's `aws` runs
    knows_endpoint_variable: bool  # 2.9.19 silently ignores AWS_ENDPOINT_URL and calls the real AWS


AWS_V1 = AwsCli("v1", "aws-cli/1.", f'exec {shlex.quote(str(VENV_BIN / "aws"))} "$@"', True)
AWS_V2 = AwsCli("v2", "aws-cli/2.9.19", 'exec /usr/bin/aws "$@"', False)
AWS_V2_NEW = AwsCli(
    "v2-new",
    "aws-cli/2.17",
    f"PYTHONPATH={shlex.quote(str(dev.BACKPORTS_AWS))}/usr/lib/python3/dist-packages "
    f'exec /usr/bin/python3 {shlex.quote(str(dev.BACKPORTS_AWS))}/usr/bin/aws "$@"',
    True,
)
AWS_CLIS = (AWS_V1, AWS_V2, AWS_V2_NEW)


@dataclass(frozen=True)
class Done:
    """What a program said."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def asked_only_to_get(helper: str) -> str:
    """Return the line that has Git run a helper for `get`, and nothing for `store` and `erase`."""
    return f'!f() {{ test "$1" != get || {helper} "$@"; }}; f'


@dataclass
class Person:
    """Runs programs in an own HOME; `env` is all that this person has set."""

    home: Path
    aws_cli: AwsCli
    service: Service
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir()
        programs = self.home / ".local" / "bin"
        programs.mkdir(parents=True)
        aws = programs / "aws"
        aws.write_text(f"#!/bin/sh\n{self.aws_cli.script}\n")
        aws.chmod(0o755)
        (programs / "git-remote-codecommit").symlink_to(VENV_BIN / "git-remote-codecommit")
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{programs}:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "GIT_TERMINAL_PROMPT": "0",  # a prompt nobody answers fails at once
            "GIT_CONFIG_NOSYSTEM": "1",  # this machine's own settings are nobody's business
            # What the lines that moorage prints set: its CA, and where Python clients find it.
            "GIT_SSL_CAINFO": str(self.service.ca),
            "AWS_CA_BUNDLE": str(self.service.ca),
            **self.env,
        }
        if self.aws_cli.knows_endpoint_variable:
            self.env["AWS_ENDPOINT_URL"] = self.service.endpoint

    def run(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        stdin: str | bytes = "",
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a program and tell how it ended."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.home,
            env=self.env | dict(env or {}),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )
        return Done(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def ok(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        stdin: str | bytes = "",
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run a program that must succeed; return its standard output."""
        done = self.run(*command, cwd=cwd, stdin=stdin, env=env)
        assert done.status == 0, f"{shlex.join(map(str, command))}\n{done.said}\n{self.service.log[-3000:]}"
        return done.out

    def refused(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a program that must fail; return all that it said."""
        done = self.run(*command, cwd=cwd, env=env)
        assert done.status != 0, f"{shlex.join(map(str, command))} went through\n{done.said}"
        assert "Traceback" not in done.said
        return done.said

    def aws(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """Run an AWS CLI command against the service; it must succeed."""
        return self.ok("aws", *self._endpoint(words), env=env)

    def aws_refused(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        return self.refused("aws", *self._endpoint(words), env=env)

    def configure(self, key: tuple[str, str], region: str = "us-east-2", profile: str | None = None) -> None:
        """Answer `aws configure` as the guide does."""
        named = ("--profile", profile) if profile else ()
        self.ok("aws", "configure", *named, stdin=f"{key[0]}\n{key[1]}\n{region}\njson\n")

    def write_profile(
        self, key: tuple[str, str], region: str = "us-east-2", profile: str = "default"
    ) -> None:
        """Leave the files that `configure` leaves, without a start of the AWS CLI."""
        folder = self.home / ".aws"
        folder.mkdir(exist_ok=True)
        quoted = f"'{profile}'" if " " in profile else profile
        section = "default" if profile == "default" else f"profile {quoted}"
        with (folder / "config").open("a") as file:
            file.write(f"[{section}]\nregion = {region}\noutput = json\n")
        with (folder / "credentials").open("a") as file:
            file.write(f"[{profile}]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n")

    def git_global(self, *words: str) -> None:
        self.ok("git", "config", "--global", *words)

    def use_the_guides_helper(self, options: str = "") -> None:
        """The two lines of the guide, as written there; `options` go to `aws`."""
        # The guide writes the value in single quotes, so git gets `$@` and not the shell.
        line = " ".join(["!aws", "codecommit", *([options] if options else []), "credential-helper", "$@"])
        self.git_global("credential.helper", line)
        self.git_global("credential.UseHttpPath", "true")

    def use_the_aws_helper(self, options: str = "") -> None:
        """The guide's helper when Git asks for a password, and no start of the AWS CLI when Git tells it one.

        AWS's helper does nothing then; that Git may call it so is shown where the guide's own lines are used.
        """
        words = " ".join(["aws", "codecommit", *([options] if options else []), "credential-helper"])
        self.git_global("credential.helper", asked_only_to_get(words))
        self.git_global("credential.UseHttpPath", "true")

    def use_a_quick_helper(self, key: tuple[str, str], region: str = "us-east-2") -> None:
        """Sign as the stock helper does without starting the AWS CLI: for suites that are about Git.

        Without a region it is the one in the host's name, as it is for the stock helper.
        """
        script = self.home / ".local" / "bin" / "quick-helper"
        words = {"source": str(dev.ROOT / "src"), "key_id": key[0], "secret": key[1], "region": region}
        script.write_text(f"#!{sys.executable} -IS\nWORDS = {words!r}\n{QUICK_HELPER}")
        script.chmod(0o700)
        self.git_global("--replace-all", "credential.helper", asked_only_to_get(shlex.quote(str(script))))
        self.git_global("credential.UseHttpPath", "true")

    def name_in_commits(self) -> None:
        self.git_global("user.name", "Mary Major")
        self.git_global("user.email", "mary@example.org")

    def commit(self, clone: Path, name: str = "cat.txt", text: str = "The domestic cat\n") -> str:
        """Commit one file; return the commit's id."""
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
        self.ok("git", "add", name, cwd=clone)
        self.ok("git", "commit", "--quiet", "--message", f"Add {name}", cwd=clone)
        return self.ok("git", "rev-parse", "HEAD", cwd=clone).strip()

    def _endpoint(self, words: tuple[str, ...]) -> tuple[str, ...]:
        if self.aws_cli.knows_endpoint_variable:
            return words
        return ("--endpoint-url", self.service.endpoint, *words)
