"""Old signatures out of other helpers' stores, for the hosts that are set up and for no others.

A signature is good for minutes. Git Credential Manager, keychains and `store` keep it for ever, and give it
again where they come first: the guide's 403. Setup's section no longer asks them, but other programs do, and
nothing good comes of what they keep. Only what is certainly a signature is taken out: a user's own Git
credential for the same host stays.

Helpers are spoken to as Git does, by their `get` and `erase`; the files of `store` are edited without loss.
Helpers that a repository names are neither run nor read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from moorage.client import helper_kinds
from moorage.client.changes import Change
from moorage.client.git_config import Entry, Git
from moorage.client.git_urls import Version, credential_matches
from moorage.client.helper_kinds import kind
from moorage.client.machine import TIMED_OUT, Machine, printable

ASKED = frozenset({"manager", "osxkeychain", "wincred", "libsecret", "cache"})
# A helper that asks a person, or looks for hosts on the network, is left after so long.
PATIENCE_S = 10.0
# More entries than that for one URL are no entries but a helper that answers to everything.
MOST_ENTRIES = 20

_SIGNATURE = re.compile(r"\d{8}T\d{6}Z[0-9a-f]{64}")
_STORED = re.compile(r"(https?)://([^:@/]*):([^@/]*)@([^/]*)(?:/.*)?")
# So that no window opens and nobody is asked for anything.
_ALONE = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "GCM_PROVIDER": "generic",
    "GCM_GUI_PROMPT": "0",
}


_OF_REPOSITORIES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"})


class Evicted(NamedTuple):
    """An old signature that a helper held. `problem` says why it is still there; None: it is gone.

    `account` is the access key's id. All is printable, nothing is secret.
    """

    helper: str
    url: str
    account: str
    problem: str | None = None


def is_signature(password: str) -> bool:
    """Tell whether a password is one that a CodeCommit helper made, good for minutes."""
    return _SIGNATURE.fullmatch(password) is not None


def helpers(entries: Iterable[Entry], sections: Sequence[str], version: Version) -> list[str]:
    """Return the values of the helpers that may keep what was once said for these URLs, each once.

    Those that are asked no longer, for an empty `helper =` behind them, are among them.
    """
    found: dict[str, None] = {}
    for entry in entries:
        section, _, rest = entry.key.partition(".")
        url, _, key = rest.rpartition(".")
        if entry.scope not in {"system", "global"} or section.lower() != "credential" or key != "helper":
            continue
        concerned = not url or any(
            credential_matches(url, plain(one), version) or credential_matches(one, plain(url), version)
            for one in sections
        )
        if concerned and kind(entry.value) in ASKED | {"store"}:
            found[entry.value] = None
    return list(found)


def urls(sections: Iterable[str], regions: Iterable[str], remotes: Iterable[str] = ()) -> list[str]:
    """Return URLs to ask helpers for: sections, with regions at the place of `*`, and remotes within them."""
    sections, regions = list(sections), sorted(set(regions))
    made = [section.replace("*", region) for section in sections for region in regions if "*" in section]
    made += [section for section in sections if "*" not in section]
    within = [url for url in remotes if any(credential_matches(one, url, (2, 99)) for one in sections)]
    return list(dict.fromkeys([*made, *within]))


def plain(section: str) -> str:
    """Return a URL that a section matches: any name at the place of each `*`."""
    return section.replace("*", "any")


def from_helpers(machine: Machine, git: Git, values: Iterable[str], wanted: Iterable[str]) -> list[Evicted]:
    """Ask each helper for each URL, and have it erase what is a signature; say what came of it."""
    wanted = list(wanted)
    evicted: list[Evicted] = []
    for value in values:
        if kind(value) not in ASKED:
            continue
        for url in wanted:
            found = list(_from_helper(_Helper(machine, git, value), url))
            evicted += found
            if any(one.problem and one.problem.startswith("no answer") for one in found):
                break  # it would keep us waiting for each of the others
    return evicted


def from_files(
    machine: Machine, values: Iterable[str], sections: Sequence[str], version: Version = (2, 99)
) -> list[Change]:
    """Return the changes that take signatures for these URLs out of the files of `store`.

    They cannot be undone: the journal would keep what no file should.
    """
    made = []
    for path in dict.fromkeys(
        file for value in values if kind(value) == "store" for file in _files(machine, value)
    ):
        before = machine.read(path)
        if before is None:
            continue
        lines = before.splitlines(keepends=True)
        kept = [line for line in lines if not _is_stale(line.rstrip("\r\n"), sections, version)]
        gone = len(lines) - len(kept)
        if gone:
            why = (
                f"take out {gone} old signature{'s' if gone > 1 else ''} that git's `store` would give again"
            )
            made.append(Change(path, before, "".join(kept), why, mode=0o600, undoable=False))
    return made


class _Helper(NamedTuple):
    machine: Machine
    git: Git
    value: str

    @property
    def called(self) -> str:
        return printable(self.value)

    def say(self, operation: str, fields: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        shell = helper_kinds.shell_of(self.machine.system, self.git.exec_path)
        told = "".join(f"{key}={value}\n" for key, value in fields.items()) + "\n"
        environment = {**self.machine.environment, **_ALONE}
        ran = self.machine.run(
            helper_kinds.argv(self.value, operation, shell),
            told,
            timeout_s=PATIENCE_S,
            # In no repository, neither the user's folder nor $GIT_DIR: its configuration is not to be obeyed.
            environment={key: value for key, value in environment.items() if key not in _OF_REPOSITORIES},
            folder=Path(self.machine.folder.anchor),
        )
        pairs = (line.partition("=") for line in ran.stdout.splitlines())
        return ran.status, {key: value for key, equals, value in pairs if equals}


def _from_helper(helper: _Helper, url: str) -> Iterator[Evicted]:
    fields = _asked(url)
    status, answer = helper.say("get", fields)
    for _ in range(MOST_ENTRIES):
        if status == TIMED_OUT:
            yield Evicted(helper.called, printable(url), "", f"no answer within {PATIENCE_S:g} seconds")
        username, password = answer.get("username", ""), answer.get("password", "")
        if status == TIMED_OUT or not is_signature(password):
            return
        account = printable(username.partition("%")[0])
        # The host and path asked for, not what the helper tells: nothing else is to be erased.
        helper.say("erase", {**fields, "username": username, "password": password})
        status, answer = helper.say("get", fields)
        if (answer.get("username", ""), answer.get("password", "")) == (username, password):
            yield Evicted(helper.called, printable(url), account, "it is still there after `erase`")
            return
        yield Evicted(helper.called, printable(url), account)


def _asked(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    fields = {"protocol": parts.scheme, "host": parts.netloc.rpartition("@")[2]}
    path = parts.path.strip("/")
    return {**fields, "path": unquote(path)} if path else fields


def _files(machine: Machine, value: str) -> list[Path]:
    """Return the files that a `store` helper keeps, in its order."""
    words = helper_kinds.words(value)
    for number, word in enumerate(words):
        named = word.removeprefix("--file=") if word.startswith("--file=") else ""
        if word == "--file" and number + 1 < len(words):
            named = words[number + 1]
        if named.startswith("~/"):
            return [machine.git_home / named[2:]]
        if named:  # a relative one depends on where git runs
            return [Path(named)] if helper_kinds.is_absolute(named) else []
    base = machine.environment.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else machine.git_home / ".config"
    return [machine.git_home / ".git-credentials", folder / "git" / "credentials"]


def _is_stale(line: str, sections: Iterable[str], version: Version) -> bool:
    found = _STORED.fullmatch(line)
    if found is None or not is_signature(unquote(found[3])):
        return False
    url = f"{found[1]}://{unquote(found[4])}"
    return any(credential_matches(_server_of(section), url, version) for section in sections)


def _server_of(section: str) -> str:
    """Return a section's URL without its path: what a file keeps for a host counts for all of it."""
    scheme, mark, rest = section.partition("://")
    return scheme + mark + rest.partition("/")[0]
