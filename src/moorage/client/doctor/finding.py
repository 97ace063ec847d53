"""What doctor found: the problem, how it is known, what follows from it, and what to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from moorage.client.doctor.catalogue import CATALOGUE, Severity

# The last are bytes of no UTF-8, as the files' names are read: they would be written as they were.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\udc80-\udc9f]")
# A session token stands in the user's name, behind the access key and a percent sign.
_USER_AND_TOKEN = re.compile(r"(://[^/@:%\s]*%)[^/@:\s]+(?=[:@])")
_SIGNATURE = re.compile(r"(\d{8}T\d{6}Z)[0-9a-f]{8,64}")
_USER_AND_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")
_PASSWORD = re.compile(r"(?i)(password|secret|token)(\s*[=:]\s*)[^\s'\";]+")


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one file. `make` is given its text ("" when there is no file) and returns the new one."""

    path: Path
    make: Callable[[str], str]
    why: str


@dataclass(frozen=True, slots=True)
class Command:
    """A program that puts something right: started without a shell, with `stdin` as its input."""

    argv: tuple[str, ...]
    stdin: str
    why: str


@dataclass(frozen=True, slots=True)
class Mode:
    """Permission bits that a file gets."""

    path: Path
    mode: int
    why: str


Fix = Edit | Command | Mode


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    `id` is stable: scripts and the guide refer to it. `evidence` names the file, line and Git scope, the
    variable or the program that shows it. `fix` holds what `doctor --fix` would do; empty when a person must.
    """

    id: str
    severity: Severity
    problem: str
    evidence: str
    consequence: str
    remedy: str
    fix: tuple[Fix, ...] = ()


def found(
    known_as: str,
    problem: str,
    *,
    evidence: str,
    consequence: str,
    remedy: str,
    fix: tuple[Fix, ...] = (),
) -> Finding:
    """Return a finding of the catalogue, fit to print: no control characters, no secrets.

    Raises:
        KeyError: the catalogue has no such id.
    """
    return Finding(
        known_as,
        CATALOGUE[known_as],
        printable(problem),
        printable(evidence),
        printable(consequence),
        printable(remedy),
        fix,
    )


def typed(*words: str) -> str:
    """Return a command for a person to type: what comes from a repository is quoted for the shell."""
    return shlex.join(words)


def printable(text: str) -> str:
    """Return text of a stranger's on one line: nothing that a terminal obeys, no password, no signature."""
    for pattern, instead in (
        (_CONTROLS, "?"),
        (_SIGNATURE, r"\1***"),
        (_USER_AND_TOKEN, r"\1***"),
        (_USER_AND_PASSWORD, r"\1:***@"),
        (_PASSWORD, r"\1\2***"),
    ):
        text = pattern.sub(instead, text)
    return text
