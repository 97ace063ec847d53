"""What an exec request asks for. There is no shell: two programs are understood, each with one path.

Source: git's connect.c (`git-upload-pack 'PATH'`, quoted for a shell), and JGit, which does the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moorage.core.faults import VALIDATION_ERROR, Fault

_LINE = re.compile(r"git[- ](?P<program>upload-pack|receive-pack) (?:'(?P<quoted>[^']+)'|(?P<bare>[^\s']+))")
# As on the HTTPS door a slash may be doubled, or end the path, and .git is taken off the name. The path
# of the scp form (KEY@host:v1/repos/NAME) begins without a slash.
_PATH = re.compile(r"/*(?:(?P<region>[a-z0-9-]{1,64})/+)?v1/repos/+(?P<name>[A-Za-z0-9._-]{1,104})/*")
_MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """A git service, a repository's name, and the region where the path names one."""

    service: str  # git-upload-pack or git-receive-pack
    name: str
    region: str | None


def parse(line: str) -> ExecRequest:
    """Read an exec line.

    Raises:
        Fault: it is anything else, with a text for the person.
    """
    found = _LINE.fullmatch(line) if len(line) <= _MAX_CHARACTERS else None
    if found is None:
        raise Fault(
            VALIDATION_ERROR,
            "Only git-upload-pack and git-receive-pack are served over SSH, each with one repository.",
        )
    path = _PATH.fullmatch(found["quoted"] or found["bare"])
    if path is None:
        raise Fault(
            VALIDATION_ERROR,
            "This is not the path of a repository: write /v1/repos/NAME, or /REGION/v1/repos/NAME.",
        )
    name = path["name"].removesuffix(".git")
    if not name:
        raise Fault(VALIDATION_ERROR, "The path names no repository.")
    return ExecRequest(f"git-{found['program']}", name, path["region"])
