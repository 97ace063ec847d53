"""Ask git for credentials as a fetch would: all its helpers in their order, and nobody at a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from moorage.client.git_config import Git
from moorage.client.machine import TIMED_OUT, Machine, printable
from moorage.client.probe_route import Route
from moorage.client.server_probe import Credential

PATIENCE_SECONDS = 45.0  # Git Credential Manager's search for a host's kind has been seen to take 40

# No dialogue may open, and a helper's own terminal is none.
_ALONE = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "GIT_TRACE": "",
    "GIT_TRACE_CURL": "",
}


def asked(
    machine: Machine, git: Git, route: Route, *, username: str = "", own: Sequence[tuple[str, str]] = ()
) -> Credential:
    """Return what git's helpers give for a repository, of the user's and the machine's configuration.

    Git runs outside every repository, so that no repository's configuration is obeyed. `own` has further
    entries (key, value) that the caller vouches for, as if they came last. Nothing is stored.
    """
    words = [git.path, *(word for key, value in own for word in ("-c", f"{key}={value}"))]
    user = f"{username}@" if username else ""
    asked_for = f"url={route.scheme}://{user}{route.netloc}{route.path}"
    environment = {key: value for key, value in machine.environment.items() if not _leads_to_repository(key)}
    started = time.monotonic()
    ran = machine.run(
        [*words, "credential", "fill"],
        f"{printable(asked_for)}\n\n",
        timeout_s=PATIENCE_SECONDS,
        environment=environment | _ALONE,
        folder=Path(machine.folder.anchor or "/"),
    )
    seconds = time.monotonic() - started
    if ran.status != 0:
        said = f"no answer within {PATIENCE_SECONDS:g} s" if ran.status == TIMED_OUT else _told(ran.stderr)
        return Credential("", "", said, seconds)
    told = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    return Credential(told.get("username", ""), told.get("password", ""), _told(ran.stderr), seconds)


def _leads_to_repository(variable: str) -> bool:
    return variable in {"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CEILING_DIRECTORIES"}


def _told(stderr: str) -> str:
    """Return what helpers said. Git's own complaint, that nobody can be asked, explains nothing."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    helpful = [line for line in lines if "terminal prompts disabled" not in line]
    return " ".join(helpful or lines)
