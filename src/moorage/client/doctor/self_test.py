"""Try on this machine what cannot be tried for it elsewhere: its shell, its git, its files and its Python.

Made for Windows and macOS, which this project's own tests only imitate. All happens in a folder of its own,
with keys made up for it; nothing of the user's is read or changed, and no server is asked.
"""

from __future__ import annotations

import platform
import re
import shlex
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from moorage import __version__
from moorage.client import changes, credential_answer, git_config, helper_kinds
from moorage.client.changes import Change, ChangeRefused
from moorage.client.git_config import EMPTY_HELPER_RESETS, Git
from moorage.client.git_urls import WILDCARDS
from moorage.client.machine import Machine, Ran, ThisMachine, printable
from moorage.client.setup import facts as setup_facts
from moorage.core import sigv4

HOST, PATH, REGION = "git-codecommit.us-east-2.amazonaws.com", "v1/repos/self-test", "us-east-2"
RENEWS: tuple[int, ...] = (2, 46)
SLOW_SECONDS = 5.0
TRIES_SECONDS = 30.0

_ACCESS_KEY, _SECRET = "AKIASELFTEST", "made/up+for/the+self/test"  # of nobody
_PROFILES = ("plain", "two words", """it's "odd" $(id) `id` %PATH% $HOME""", "zwölf", "a\\b")
# Made with the AWS CLI's own code.
_VECTOR_MOMENT = 1_709_210_096.0
_VECTOR = "20240229T123456Zef57d2dfdd4d609736c7e512b68c61963d3bac270503e441e793cf554e9dabf5"


class Row(NamedTuple):
    """One try; `ok` None: this machine has nothing to try it with."""

    name: str
    ok: bool | None
    told: str


class _Failed(Exception):
    """A try failed; the text says what came instead."""


class _Absent(Exception):
    """There is nothing to try it with; the text says what is missing."""


class _Bench:
    """A folder with an odd name, and a machine whose home it is."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.folder = folder
        kept = {key: value for key, value in machine.environment.items() if not _is_ours(key)}
        self.config = folder / ".gitconfig"
        self.credentials = folder / "credentials"
        self.machine = ThisMachine(
            {
                **kept,
                "HOME": str(folder),
                "USERPROFILE": str(folder),
                "APPDATA": str(folder),
                "GIT_CONFIG_GLOBAL": str(self.config),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
                "AWS_CONFIG_FILE": str(folder / "config"),
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            folder=folder,
            system=machine.system,
            python=machine.python,
        )
        self.found = git_config.git(self.machine)
        self.helper = setup_facts.helper(machine)
        self.write_profiles(self.credentials, "\n")

    @property
    def git(self) -> Git:
        if self.found is None:
            raise _Absent("git is not on PATH")
        return self.found

    def write_profiles(self, file: Path, end: str, mark: str = "") -> None:
        lines = [
            line
            for number, name in enumerate(_PROFILES)
            for line in (
                f"[{name}]",
                f"aws_access_key_id = {_ACCESS_KEY}{number}",
                f"aws_secret_access_key = {_SECRET}",
            )
        ]
        file.write_bytes((mark + end.join(lines) + end).encode())

    def section(self, *helpers: str, url: str = f"https://{HOST}", end: str = "\n") -> None:
        pairs = [*(("helper", each) for each in helpers), ("useHttpPath", "true")]
        text = git_config.with_section("", f"credential.{url}", pairs)
        self.config.write_bytes(text.replace("\n", end).encode())

    def of_profile(self, number: int) -> str:
        return f"{self.helper} --profile {shlex.quote(_PROFILES[number])}"

    def fills(self, what: str) -> dict[str, str]:
        """Ask git for credentials, as a fetch does."""
        asked = f"protocol=https\nhost={HOST}\npath={PATH}\n\n"
        ran = self.machine.run([self.git.path, "credential", "fill"], asked, timeout_s=TRIES_SECONDS)
        return _pairs(ran, what)


def rows(machine: Machine, names: Iterable[str] | None = None) -> Iterator[Row]:
    """Try everything, or what is named, and give what came of each."""
    with TemporaryDirectory(prefix="moorage's self test ü ") as folder:
        bench = _Bench(machine, Path(folder))
        for name in TRIES if names is None else names:
            try:
                yield Row(name, True, TRIES[name](bench))
            except _Absent as absent:
                yield Row(name, None, str(absent))
            except _Failed as failed:
                yield Row(name, False, _private(machine, bench, str(failed)))
            except (OSError, ValueError, ChangeRefused) as error:
                yield Row(name, False, _private(machine, bench, f"{type(error).__name__}: {error}"))


def as_text(machine: Machine, tried: list[Row]) -> str:
    """Return a table that may be pasted into a report: no user's name, no path of a home, no secret."""
    bench_git = git_config.git(machine)
    width = max(len(row.name) for row in tried)
    marks = {True: "ok", False: "FAILED", None: "-"}
    helper = _private(machine, None, setup_facts.helper(machine))
    lines = [
        f"moorage {__version__}, {platform.platform()}",
        f"Python {platform.python_version()}, {bench_git.text if bench_git else 'no git'}",
        f"helper {helper}",
        "",
        *(f"{marks[row.ok]:<6}  {row.name:<{width}}  {printable(row.told)}" for row in tried),
        "",
    ]
    failed = sum(row.ok is False for row in tried)
    lines.append(f"{failed} of {len(tried)} failed" if failed else "nothing failed")
    return "\n".join(lines) + "\n"


def _signature(_: _Bench) -> str:
    options = credential_answer.options_of(["get"])
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE00000TEST",
        "AWS_SECRET_ACCESS_KEY": "moorage/test+Secret/Key+0123456789abcdef",
    }
    asked = f"protocol=https\nhost={HOST}\npath=v1/repos/MyDemoRepo\n\n".encode()
    told = credential_answer.answer(options, asked, environment, _VECTOR_MOMENT)
    if f"password={_VECTOR}\n".encode() not in told:
        raise _Failed("another signature than the AWS CLI's")
    return "as the AWS CLI's, byte for byte"


def _launcher(bench: _Bench) -> str:
    shell = helper_kinds.shell_of(bench.machine.system, bench.found.exec_path if bench.found else "")
    line = helper_kinds.command_line(bench.of_profile(0), "get")
    asked = f"protocol=https\nhost={HOST}\npath={PATH}\n\n"
    started = time.monotonic()
    ran = bench.machine.run([shell, "-c", line], asked, timeout_s=TRIES_SECONDS)
    seconds = time.monotonic() - started
    _signed(_pairs(ran, "the helper"), 0)
    if "\r" in ran.stdout:
        raise _Failed("its lines end in CR LF, which git takes for part of the password")
    if seconds > SLOW_SECONDS:
        raise _Failed(f"it takes {seconds:.1f} s")
    return f"answers in {seconds * 1000:.0f} ms"


def _store_and_erase(bench: _Bench) -> str:
    shell = helper_kinds.shell_of(bench.machine.system, bench.found.exec_path if bench.found else "")
    for operation in ("store", "erase"):
        line = helper_kinds.command_line(bench.helper, operation)
        ran = bench.machine.run([shell, "-c", line], "protocol=https\n\n", timeout_s=TRIES_SECONDS)
        if ran.status != 0 or ran.stdout or ran.stderr:
            raise _Failed(f"{operation} ends with {ran.status}: {ran.stderr or ran.stdout}")
    return "end at once"


def _through_git(bench: _Bench) -> str:
    bench.section("", bench.of_profile(0))
    _signed(bench.fills("git"), 0)
    return "git gets a signature that covers the path"


def _odd_profiles(bench: _Bench) -> str:
    for number in range(1, len(_PROFILES)):
        bench.section("", bench.of_profile(number))
        _signed(bench.fills(f"profile {_PROFILES[number]}"), number)
    return f"{len(_PROFILES) - 1} names with spaces, quotes, $(), %PATH%, umlauts and backslashes"


def _windows_lines(bench: _Bench) -> str:
    bench.section("", bench.of_profile(1), end="\r\n")
    bench.write_profiles(bench.credentials, "\r\n", "\ufeff")
    _signed(bench.fills("with CR LF"), 1)
    bench.write_profiles(bench.credentials, "\n")
    return "CR LF in .gitconfig and in the credentials file, which begins with a BOM"


def _reset(bench: _Bench) -> str:
    if bench.git.version < EMPTY_HELPER_RESETS:
        raise _Absent("git is older than 2.9")
    bench.section("", bench.of_profile(0))
    stale = '[credential]\n\thelper = "!echo username=stale; echo password=stale; true"\n'
    bench.config.write_bytes(stale.encode() + bench.config.read_bytes())
    _signed(bench.fills("with another helper before"), 0)
    return "an empty helper line makes git forget those before"


def _wildcard(bench: _Bench) -> str:
    if bench.git.version < WILDCARDS:
        raise _Absent("git is older than 2.26")
    bench.section("", bench.of_profile(0), url="https://git-codecommit.*.amazonaws.com")
    _signed(bench.fills("with a wildcard section"), 0)
    return "one section serves all regions"


def _files(bench: _Bench) -> str:
    file = bench.folder / "a file to change"
    file.write_bytes(b"before\r\n")
    change = Change(file, bench.machine.read(file), "after\r\n", "to see whether it can be done")
    journal = changes.apply(bench.machine, [change], "self-test")
    if file.read_bytes() != b"after\r\n" or journal is None:
        raise _Failed("a file was not written as it should be")
    changes.undo(bench.machine, journal)
    if file.read_bytes() != b"before\r\n":
        raise _Failed("a change was not taken back")
    return "are replaced whole, and given back byte for byte"


def _entries(bench: _Bench) -> str:
    bench.section("", bench.of_profile(2))
    found = git_config.entries(bench.machine, bench.git, bench.folder)
    [entry] = [each for each in found if each.key.endswith(".helper") and each.value]
    if (entry.scope, entry.value, entry.line) != ("global", bench.of_profile(2), 3):
        raise _Failed(f"git reads back {entry.value} of scope {entry.scope}, line {entry.line}")
    return "is read with scopes and lines, and what we wrote is what git reads"


def _certificates(_: _Bench) -> str:
    count = len(ssl.create_default_context().get_ca_certs())
    places = ssl.get_default_verify_paths()
    if not count and not places.capath:
        raise _Failed("Python knows no certificate authority: name one by AWS_CA_BUNDLE")
    return f"{ssl.OPENSSL_VERSION}, {count or 'a folder of'} authorities"


def _renewal(bench: _Bench) -> str:
    if bench.git.version < RENEWS:
        raise _Absent("git is older than 2.46: a push may not take longer than a signature lives, at AWS")
    return "git asks again within a push"


TRIES: dict[str, Callable[[_Bench], str]] = {
    "signature": _signature,
    "launcher": _launcher,
    "store and erase": _store_and_erase,
    "through git": _through_git,
    "profiles' names": _odd_profiles,
    "line ends": _windows_lines,
    "other helpers": _reset,
    "wildcard": _wildcard,
    "configuration": _entries,
    "files": _files,
    "certificates": _certificates,
    "long pushes": _renewal,
}


def _pairs(ran: Ran, what: str) -> dict[str, str]:
    if ran.status != 0:
        raise _Failed(f"{what} ends with {ran.status}: {ran.stderr.strip() or 'no reason'}")
    return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)


def _signed(pairs: dict[str, str], number: int) -> None:
    """Require the access key of a profile, and a signature over the host and the path."""
    if pairs.get("username") != f"{_ACCESS_KEY}{number}":
        raise _Failed(f"the answer is for {pairs.get('username', 'nobody')}, not for the profile asked")
    found = re.fullmatch(r"(\d{8}T\d{6})Z[0-9a-f]{64}", pairs.get("password", ""))
    moment = found[1] if found else ""
    wanted = sigv4.git_password_at(HOST, f"/{PATH}", secret=_SECRET, region=REGION, time=moment)
    if found is None or pairs["password"] != wanted:
        raise _Failed("the signature is another than it should be: did git tell the path?")


def _is_ours(variable: str) -> bool:
    return variable.startswith(("AWS_", "GIT_", "XDG_"))


def _private(machine: Machine, bench: _Bench | None, text: str) -> str:
    """Leave out where things are: a home's path has its user's name."""
    if bench is not None:
        text = text.replace(str(bench.folder), "FOLDER")
    home = str(machine.home)
    for each in (home, home.replace("\\", "/")):
        text = text.replace(each, "~") if len(each) > 1 else text
    return text
