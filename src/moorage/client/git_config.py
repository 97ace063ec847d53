"""Git's configuration as git sees it: every entry with its scope, file and line, and what it means for a URL.

Entries are listed by git itself, so that includes, conditions and scopes are right; nothing that a
repository's configuration names is ever run by listing it. The rules of matching are git's urlmatch.c and
credential.c, and a test compares them with the installed git.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from moorage.client.git_config_text import (
    ConfigSyntaxError,
    lines_of,
    with_section,
    without_section,
)
from moorage.client.git_urls import Version, credential_matches, rank
from moorage.client.machine import Machine, printable

__all__ = [
    "ConfigSyntaxError",
    "ConfigUnreadable",
    "Entry",
    "Git",
    "config_file",
    "entries",
    "git",
    "helpers_for",
    "lines_of",
    "matches",
    "value_for",
    "with_section",
    "without_section",
]

SHOWS_SCOPE: Version = (2, 26)
SHOWS_ORIGIN: Version = (2, 8)
EMPTY_HELPER_RESETS: Version = (2, 9)
NEWEST: Version = (2, 99)
SCOPES = ("system", "global", "local", "worktree")


class Git(NamedTuple):
    """The git that runs: its file, version (2, 39, 5), version text and the folder of its own programs."""

    path: str
    version: Version
    text: str
    exec_path: str


class Entry(NamedTuple):
    """One entry of the configuration.

    `scope` is system, global, local, worktree or command (the environment); `file` is None where it comes
    from no file, `line` 0 where it was not found. `key` is as git prints it
    (`credential.https://host.helper`); `value` is "" for a key without `=` too.
    """

    scope: str
    file: Path | None
    line: int
    key: str
    value: str


class ConfigUnreadable(Exception):
    """Git refuses its own configuration; the message is git's, printable."""


def git(machine: Machine) -> Git | None:
    """Return the git on PATH, or None."""
    path = machine.which("git")
    if path is None:
        return None
    told = machine.run([path, "--version"])
    numbers = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", told.stdout)
    if told.status != 0 or numbers is None:
        return None
    version = tuple(int(each) for each in numbers.groups() if each is not None)
    return Git(path, version, told.stdout.strip(), machine.run([path, "--exec-path"]).stdout.strip())


def entries(machine: Machine, git: Git, folder: Path | None = None) -> list[Entry]:
    """Return every entry that git obeys in a folder (default: the user's), in git's order.

    Raises:
        ConfigUnreadable: git cannot read its configuration.
    """
    folder = machine.folder if folder is None else folder
    if git.version >= SHOWS_SCOPE:
        listed = _listed(machine, git, folder, "--show-scope", "--show-origin")
        found = [(scope, _file(machine, origin, folder), item) for scope, origin, item in _grouped(listed, 3)]
    elif git.version >= SHOWS_ORIGIN:
        found = _without_scopes(machine, git, folder)
    else:
        found = _without_origins(machine, git, folder)
    return list(_numbered(machine, found))


def config_file(machine: Machine, git: Git, scope: str, folder: Path | None = None) -> Path | None:
    """Return the file that `git config --SCOPE` writes (it may be missing yet); None outside a repository."""
    folder = machine.folder if folder is None else folder
    if scope == "global":
        return _global_file(machine)
    if scope == "system":
        return _system_file(machine, git)
    told = machine.run([git.path, "rev-parse", "--git-common-dir"], folder=folder)
    if told.status != 0 or told.stdout.strip() in {"", "--git-common-dir"}:
        told = machine.run([git.path, "rev-parse", "--git-dir"], folder=folder)
    if told.status != 0 or not told.stdout.strip():
        return None
    return folder / told.stdout.rstrip("\r\n") / "config"


def matches(section_url: str, url: str, version: Version = NEWEST) -> bool:
    """Tell whether git applies `[credential "SECTION-URL"]` to a URL."""
    return credential_matches(section_url, url, version)


def value_for(found: Iterable[Entry], url: str, key: str, version: Version = NEWEST) -> Entry | None:
    """Return the entry that decides a setting for a URL.

    `key` is of `credential` (`usehttppath`) or dotted (`http.sslcainfo`). Of credential settings git obeys
    the last that matches; of all others the most specific.
    """
    section, dot, name = key.lower().rpartition(".")
    section = section if dot else "credential"
    best: Entry | None = None
    best_rank: tuple[int, int, bool] = (0, 0, False)
    for entry, section_url in _of(found, section, name):
        if section == "credential":
            if section_url is None or credential_matches(section_url, url, version):
                best = entry
            continue
        its_rank = (0, 0, False) if section_url is None else rank(section_url, url)
        if its_rank is not None and its_rank >= best_rank:
            best, best_rank = entry, its_rank
    return best


def helpers_for(found: Iterable[Entry], url: str, version: Version = NEWEST) -> list[Entry]:
    """Return the helpers that git asks for a URL, in its order: those behind the last empty `helper =`."""
    helpers: list[Entry] = []
    for entry, section_url in _of(found, "credential", "helper"):
        if section_url is not None and not credential_matches(section_url, url, version):
            continue
        if entry.value:
            helpers.append(entry)
        elif version >= EMPTY_HELPER_RESETS:
            helpers.clear()
    return helpers


def _of(found: Iterable[Entry], section: str, name: str) -> Iterator[tuple[Entry, str | None]]:
    """Give the entries of a section's key, each with the URL of its subsection."""
    for entry in found:
        its_section, _, rest = entry.key.partition(".")
        section_url, dot, its_name = rest.rpartition(".")
        if its_section.lower() == section and its_name.lower() == name:
            yield entry, section_url if dot else None


def _listed(machine: Machine, git: Git, folder: Path, *options: str) -> str:
    told = machine.run([git.path, "config", "--list", "-z", *options], folder=folder)
    if told.status != 0:
        raise ConfigUnreadable(printable(told.stderr.strip()) or "git cannot list its configuration")
    return told.stdout


def _grouped(listed: str, size: int) -> Iterator[list[str]]:
    fields = listed.split("\0")
    for place in range(0, len(fields) - size + 1, size):
        yield fields[place : place + size]


def _without_scopes(machine: Machine, git: Git, folder: Path) -> list[tuple[str, Path | None, str]]:
    """For git 2.8 to 2.25: the scope of a file is the one in whose list it is."""
    scope_of: dict[str, str] = {}
    for scope in ("system", "global", "local"):
        told = machine.run(
            [git.path, "config", "--list", "-z", "--show-origin", "--includes", f"--{scope}"], folder=folder
        )
        for origin, _ in _grouped(told.stdout, 2):
            scope_of.setdefault(origin, scope)
    return [
        (scope_of.get(origin, "command"), _file(machine, origin, folder), item)
        for origin, item in _grouped(_listed(machine, git, folder, "--show-origin"), 2)
    ]


def _without_origins(machine: Machine, git: Git, folder: Path) -> list[tuple[str, Path | None, str]]:
    """For git before 2.8: list each file by itself; what files include is listed as theirs, without lines."""
    found: list[tuple[str, Path | None, str]] = []
    for scope in ("system", "global", "local"):
        told = machine.run([git.path, "config", "--list", "-z", f"--{scope}"], folder=folder)
        file = config_file(machine, git, scope, folder)
        found += [(scope, file, item) for item in told.stdout.split("\0") if item]
    return found


def _file(machine: Machine, origin: str, folder: Path) -> Path | None:
    """Return the file of git's `file:PATH`; a relative one stands below the top of the working tree."""
    kind, _, name = origin.partition(":")
    if kind != "file" or not name:
        return None
    path = Path(name)
    if path.is_absolute():
        return path
    tries = (above / path for above in (folder, *folder.parents))
    return next((each for each in tries if machine.is_file(each)), folder / path)


def _numbered(machine: Machine, found: list[tuple[str, Path | None, str]]) -> Iterator[Entry]:
    """Find each entry's line, by walking through its file as git does."""
    known: dict[Path, list[tuple[int, str, str]]] = {}
    reached: dict[Path, int] = {}
    for scope, file, item in found:
        key, _, value = item.partition("\n")
        if file is None:
            yield Entry(scope, None, 0, key, value)
            continue
        if file not in known:
            known[file] = _keys_of(machine.read(file))
        place = _find(known[file], reached.get(file, 0), key, value)
        if place is not None:
            reached[file] = place + 1
        yield Entry(scope, file, known[file][place][0] if place is not None else 0, key, value)


def _keys_of(text: str | None) -> list[tuple[int, str, str]]:
    try:
        lines = lines_of(text or "")
    except ConfigSyntaxError:  # git read it, so that it is not what we take it for: lines stay unknown
        return []
    return [(each.number, f"{each.section}.{each.key}", each.value or "") for each in lines if each.key]


def _find(known: list[tuple[int, str, str]], start: int, key: str, value: str) -> int | None:
    places: list[int] = [*range(start, len(known)), *range(start)]
    same = [place for place in places if known[place][1] == key]
    return next((place for place in same if known[place][2] == value), same[0] if same else None)


def _global_file(machine: Machine) -> Path:
    told = machine.environment.get("GIT_CONFIG_GLOBAL")
    if told:
        return Path(told)
    own = machine.git_home / ".gitconfig"
    base = machine.environment.get("XDG_CONFIG_HOME")
    other = (Path(base) if base else machine.git_home / ".config") / "git" / "config"
    return other if machine.is_file(other) and not machine.is_file(own) else own


def _system_file(machine: Machine, git: Git) -> Path | None:
    told = machine.environment.get("GIT_CONFIG_SYSTEM")
    if told:
        return Path(told)
    # The editor that git would start is told its file: the one way that every version has to name it.
    ran = machine.run(
        [git.path, "config", "--system", "--edit"],
        environment={**machine.environment, "GIT_EDITOR": "echo"},
        folder=Path(os.sep),
    )
    lines = ran.stdout.strip().splitlines()
    return Path(lines[-1]) if ran.status == 0 and lines and Path(lines[-1]).is_absolute() else None
