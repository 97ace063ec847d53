"""Ask helpers what git would ask them, and keep what they say to ourselves.

Asked are the helpers of the user's own scopes only, of kinds that are known, and the line that moorage wrote
into a clone, letter by letter. Any other helper that a repository names is shown, never run. What they answer
for a host that the user has not set up is sent to nobody (see `probing`).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable

from moorage.client import helper_kinds
from moorage.client.doctor import programs
from moorage.client.doctor.facts import AWS_HELPERS, Answer, Helper, Target
from moorage.client.git_config import Git
from moorage.client.machine import Machine
from moorage.client.setup import facts as setup_facts

STORES = frozenset({"manager", "osxkeychain", "wincred", "libsecret", "store", "cache"})
PATIENCE_S = 15.0
AT_MOST = 12  # targets are asked for, so that a repository with a thousand remotes costs nothing


def answers(machine: Machine, git: Git | None, targets: Iterable[Target]) -> dict[tuple[str, str], Answer]:
    """Return the answers by (target's URL, helper's line)."""
    found: dict[tuple[str, str], Answer] = {}
    environment = programs.environment_of_git(machine, git)
    ours = setup_facts.helper(machine)
    for target in sorted(targets, key=lambda target: not target.is_trusted)[:AT_MOST]:
        for helper in target.helpers:
            if may_be_run(helper) or is_ours(helper, ours):
                found[target.url.text, helper.entry.value] = _asked(machine, git, environment, target, helper)
    return found


def may_be_run(helper: Helper) -> bool:
    """Tell whether doctor may start a helper: it is of a known kind, well written, and the user's own."""
    line = helper.line
    broken = line.is_wrapped_in_quotes or line.has_open_quote or line.lacks_exclamation_mark
    return helper.kind in AWS_HELPERS | STORES and not helper.of_repository and not broken


def is_ours(helper: Helper, ours: str) -> bool:
    """Tell whether a line is one that moorage writes: `ours`, and at most one profile, quoted as we quote."""
    rest = helper.entry.value.removeprefix(ours)
    if rest == helper.entry.value:
        return False
    try:
        words = shlex.split(rest)
    except ValueError:
        return False
    return rest in {"", f" --profile {shlex.quote(words[1])}" if len(words) == 2 else ""}


def question(target: Target) -> str:
    """Return what git writes to a helper for this URL."""
    url = target.url
    lines = [f"protocol={url.scheme}", f"host={url.host}" + (f":{url.port}" if url.port is not None else "")]
    if target.use_http_path is not None and is_true(target.use_http_path.value):
        lines.append(f"path={url.path.rstrip('/')}")
    if url.user:
        lines.append(f"username={url.user}")
    return "".join(f"{line}\n" for line in lines) + "\n"


def is_true(value: str) -> bool:
    """Read a boolean as git does; a key without `=` is true, and comes here as ""."""
    return value.lower() in {"", "true", "yes", "on", "1"}


def _asked(
    machine: Machine, git: Git | None, environment: dict[str, str], target: Target, helper: Helper
) -> Answer:
    value, shell = helper.entry.value, programs.shell(machine, git)
    asked = question(target)
    started = time.monotonic()
    ran = machine.run(
        _line(shell, value, "get"),
        asked,
        timeout_s=PATIENCE_S,
        environment=environment,
        folder=machine.home,
    )
    told = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    username, password = told.get("username", ""), told.get("password", "")
    forget = (
        asked.rstrip("\n") + "\n" + (f"username={username}\n" if f"username={username}" not in asked else "")
    )
    return Answer(
        username,
        password,
        ran.stderr.strip(),
        ran.status,
        time.monotonic() - started,
        (_line(shell, value, "erase"), forget + "\n"),
    )


def _line(shell: str, value: str, operation: str) -> tuple[str, ...]:
    return (shell, "-c", helper_kinds.command_line(value, operation))
