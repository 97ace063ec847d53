"""Try the outcome as git will: which helpers it asks, what they give, and what the server says to that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from moorage.client import credential_fill, git_config, helper_kinds
from moorage.client.git_config import Entry, Git
from moorage.client.machine import TIMED_OUT, Machine, printable
from moorage.client.probe_route import route
from moorage.client.server_probe import probe
from moorage.client.setup.facts import Facts
from moorage.client.setup.plan import in_the_way, place
from moorage.client.setup.target import Target

# No repository has this name, so that every answer but "who are you?" says that the signature is good.
NOBODYS = "moorage-setup-asks-who-it-is"
PROBE_TIMEOUT_S = 60.0


class Proof(NamedTuple):
    """Whether it works, how that was tried, and what was said: lines for a person."""

    ok: bool
    tried: str
    said: tuple[str, ...]


def prove(machine: Machine, facts: Facts, target: Target, url: str | None) -> Proof:
    """Sign in: to the repository at `url`, else to the server; at AWS, without one, only make a signature.

    Nothing of a repository's configuration is obeyed, unless that is what was written.
    """
    entries = git_config.entries(machine, facts.git)
    asked = url or target.some_prefix + NOBODYS
    everywhere = [entry for entry in entries if entry.scope not in {"local", "worktree"}]
    others = in_the_way(entries if facts.scope == "local" else everywhere, asked, facts)
    if others:
        return Proof(False, "git's configuration", tuple(_in_the_way(entry, facts.scope) for entry in others))
    if url is not None:
        proof = _listed(machine, facts, url)
    elif target.kind == "aws":
        proof = _signed(machine, facts.git, asked, _own(entries, facts))
    else:
        proof = _answered(machine, facts, asked, entries)
    here = [_in_the_way(entry, facts.scope) for entry in in_the_way(entries, asked, facts)]
    return proof._replace(said=(*proof.said, *(f"in this folder's repository {line}" for line in here)))


def _listed(machine: Machine, facts: Facts, url: str) -> Proof:
    environment = {
        key: value
        for key, value in machine.environment.items()
        # A trace may show what is signed, and it would be shown as what git says.
        if not key.startswith("GIT_TRACE")
        and key != "GIT_CURL_VERBOSE"
        and (facts.scope == "local" or key != "GIT_DIR")
    }
    alone = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "LC_ALL": "C",
        # With --local the repository's configuration holds; a URL it rewrites shall start no program.
        "GIT_ALLOW_PROTOCOL": "https:http",
    }
    ran = machine.run(
        [facts.git.path, "ls-remote", "--quiet", "--exit-code", "--", url],
        environment={**environment, **alone},
        folder=machine.folder if facts.scope == "local" else Path(machine.folder.anchor),
        timeout_s=PROBE_TIMEOUT_S,
    )
    tried = f"git ls-remote {printable(url)}"
    if ran.status == 0:
        count = len(ran.stdout.splitlines())
        return Proof(True, tried, (f"{count} ref{'s' if count != 1 else ''}",))
    if ran.status == 2:  # --exit-code: reached, and there is nothing in it
        return Proof(True, tried, ("the repository is empty",))
    if ran.status == TIMED_OUT:
        return Proof(False, tried, (f"no answer within {PROBE_TIMEOUT_S:g} s",))
    lines = [printable(line) for line in ran.stderr.splitlines() if line.strip()]
    return Proof(False, tried, tuple(lines[-8:]))


def _signed(machine: Machine, git: Git, url: str, own: list[tuple[str, str]]) -> Proof:
    way = route(url)
    assert way is not None
    given = credential_fill.asked(machine, git, way, username=_user(url), own=own)
    tried = f"git credential fill for {way.netloc}"
    if not given.password:
        return Proof(False, tried, (printable(given.said) or "no helper gave an answer",))
    access_key = printable(given.username.partition("%")[0])
    return Proof(True, tried, (f"signed with access key {access_key}; the server was not asked",))


def _answered(machine: Machine, facts: Facts, url: str, entries: list[Entry]) -> Proof:
    of_user = [entry for entry in entries if entry.scope in {"system", "global", "command"}]
    way = route(url, entries if facts.scope == "local" else of_user, machine.environment)
    assert way is not None
    own = _own(entries, facts)
    user = _user(url)
    told = probe(
        way,
        lambda: credential_fill.asked(machine, facts.git, way, username=user, own=own),
        now=machine.now,
    )
    tried = f"signing in at {way.netloc}"
    if told.signed is not None and told.signed.status in {200, 403, 404}:
        username = told.credential.username if told.credential else ""
        caller = _caller(told.signed.reason)
        named = f"access key {printable(username.partition('%')[0])}" + (f", {caller}" if caller else "")
        return Proof(True, tried, (f"the server knows {named}",))
    failed = told.failed
    said = [] if failed is None else [f"{failed.name}: {failed.found}", failed.reason]
    return Proof(False, tried, tuple(printable(line) for line in said if line))


def _user(url: str) -> str:
    return urlsplit(url).username or ""


def _caller(reason: str) -> str:
    """Return who the server says that we are, from its refusal of a repository that there is not."""
    found = re.search(r"arn:[\w-]+:(?:iam|sts)::\d{12}:[\w+=,.@/-]+", reason)
    return found[0] if found else ""


def _own(entries: list[Entry], facts: Facts) -> list[tuple[str, str]]:
    """Return what the repository's own configuration has of ours, for git asked outside of it."""
    if facts.scope != "local":
        return []
    ours = {entry.key.rpartition(".")[0] for entry in entries if entry.value.startswith(facts.helper)}
    return [(entry.key, entry.value) for entry in entries if entry.key.rpartition(".")[0] in ours]


def _in_the_way(entry: Entry, scope: str) -> str:
    named = printable(entry.value)
    kind = helper_kinds.kind(entry.value)
    is_behind = scope != "local" and entry.scope in {"local", "worktree"}
    remedy = "use --local to come behind it" if is_behind else "take it out there"
    return f"git also asks {named} ({kind}), named behind our section ({place(entry)}): {remedy}"
