"""What setup changes, from facts and choices alone: nothing is read or written here.

The section begins with an empty `helper =`, which makes git (2.9 or newer) forget all helpers named before:
Git Credential Manager of the system's file, a keychain, the guide's own line. Then comes our helper alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from moorage.client import git_config, signing_hosts
from moorage.client.changes import Change, merged
from moorage.client.git_config import EMPTY_HELPER_RESETS, Entry
from moorage.client.git_urls import credential_matches, parsed
from moorage.client.helper_kinds import kind
from moorage.client.machine import printable
from moorage.client.setup.facts import CA_OVERRIDES, SOURCE_VARIABLES, Facts
from moorage.client.setup.target import Target

_MAY_NAME_HELPERS = frozenset({"credential", "include", "includeif"})

GUIDES_HELPER = "!aws codecommit credential-helper $@"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user wants. `only`: the section is for the URL given, not for its whole host."""

    profile: str | None = None
    region: str | None = None
    ca: Path | None = None
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to change, and what a person should know besides."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan(facts: Facts, target: Target, choices: Choices) -> Plan:
    """Return what makes git sign in at the target, and nothing where it does already.

    Raises:
        ConfigSyntaxError: the file is not git configuration.
    """
    sections = (choices.only,) if choices.only else target.sections
    text = facts.text or ""
    for section in sections:
        text = _with_helper(text, section, helper_pairs(facts, choices))
    if choices.ca is not None:
        for section in sections:
            text = git_config.with_section(text, f"http.{section}", _ca_pairs(facts, choices.ca))
    why = f"sign in to {target.called} with {_credentials(choices)}"
    changes = [Change(facts.file, facts.text, text, why)]
    if target.hosts:
        changes.append(_hosts(facts, target))
    notes = [
        *_notes_on_credentials(facts),
        *_notes_on_scope(facts, target),
        *_ca_notes(facts, choices),
        *_notes_for_old_git(facts, sections),
    ]
    return Plan(merged(changes), notes)


def guide(facts: Facts, choices: Choices) -> Plan:
    """Return exactly the guide's two lines: AWS's helper, for all hosts."""
    profile = f" --profile {shlex.quote(choices.profile)}" if choices.profile else ""
    pairs = [("helper", GUIDES_HELPER.replace("!aws", f"!aws{profile}")), ("UseHttpPath", "true")]
    text = git_config.with_section(facts.text or "", "credential", pairs)
    notes = [
        f"git asks {printable(entry.value)} as well ({place(entry)}), which gives out old passwords: "
        "leave --guide out, and moorage writes a section that keeps it away"
        for entry in _named_before(facts, "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/x")
    ]
    if facts.aws is None:
        notes.append(
            "the AWS CLI is not on PATH: the guide's helper is `aws`; install it, or leave --guide out"
        )
    return Plan(merged([Change(facts.file, facts.text, text, "the guide's two lines")]), notes)


def helper_pairs(facts: Facts, choices: Choices) -> list[tuple[str, str]]:
    """Return the entries of a section."""
    helper = facts.helper
    if choices.profile:
        helper += f" --profile {shlex.quote(choices.profile)}"
    reset = [("helper", "")] if facts.git.version >= EMPTY_HELPER_RESETS else []
    return [*reset, ("helper", helper), ("useHttpPath", "true")]


def place(entry: Entry) -> str:
    """Return where an entry stands, for a person."""
    if entry.file is None:
        return f"{entry.scope}: an environment variable or -c"
    return f"{entry.scope}: {printable(str(entry.file))}" + (f", line {entry.line}" if entry.line else "")


def in_the_way(entries: Iterable[Entry], url: str, facts: Facts) -> list[Entry]:
    """Return the helpers that git would ask for a URL beside ours."""
    helpers = git_config.helpers_for(entries, url, facts.git.version)
    return [entry for entry in helpers if not entry.value.startswith(facts.helper)]


def _with_helper(text: str, section: str, pairs: list[tuple[str, str]]) -> str:
    """Write a section behind all others of `credential`; narrower ones of its host come behind it again."""
    name = f"credential.{section}"
    narrower = [each for each in _sections(text) if _is_narrower(each.removeprefix("credential."), section)]
    others = [each for each in _sections(text) if each not in {name, *narrower} and _overlaps(each, section)]
    order = _sections(text)
    if name in order and not any(order.index(each) > order.index(name) for each in others):
        return git_config.with_section(text, name, pairs)
    text = git_config.with_section(text, name, pairs, last=True)
    for each in narrower:
        helpers = [
            line for line in git_config.lines_of(text) if line.section == each and line.key == "helper"
        ]
        if helpers:
            pairs = [("helper", line.value or "") for line in helpers]
            text = git_config.with_section(text, each, pairs, last=True)
    return text


def _sections(text: str) -> list[str]:
    """Return the sections that may name helpers, in the order of the first block of each."""
    names = [line.section for line in git_config.lines_of(text)]
    return list(dict.fromkeys(each for each in names if each.partition(".")[0] in _MAY_NAME_HELPERS))


def _overlaps(name: str, section: str) -> bool:
    """Tell whether a section may name helpers for URLs that another one is for."""
    url = name.removeprefix("credential.")
    if url == name:  # `credential` itself, or an include, which may hold anything
        return True
    newest = git_config.NEWEST
    return credential_matches(url, section.replace("*", "any"), newest) or credential_matches(
        section, url.replace("*", "any"), newest
    )


def _is_narrower(section: str, than: str) -> bool:
    its, wide = parsed(section), parsed(than)
    if its is None or wide is None or its == wide:
        return False
    plain = section.replace("*", "any")  # a wildcard is a host like others, to be matched
    return credential_matches(than, plain, git_config.NEWEST)


def _ca_pairs(facts: Facts, ca: Path) -> list[tuple[str, str]]:
    path = str(ca).replace("\\", "/") if facts.system == "windows" else str(ca)
    pairs = [("sslCAInfo", path)]
    if facts.system == "windows":
        # The Windows TLS library looks at sslCAInfo only if it is told to.
        pairs.append(("schannelUseSSLCAInfo", "true"))
    return pairs


def _hosts(facts: Facts, target: Target) -> Change:
    text = facts.hosts_text or ""
    for host, region in target.hosts:
        text = signing_hosts.with_host(text, host, region)
    return Change(facts.hosts_path, facts.hosts_text, text, "let the helper sign for this host", mode=0o600)


def _notes_on_credentials(facts: Facts) -> list[str]:
    if facts.profiles or any(facts.environment.get(name) for name in SOURCE_VARIABLES):
        return []
    file = facts.aws_config.parent / "credentials"
    made = f"`aws configure` makes one, or write its two keys below [default] in {file}"
    return [f"there is no AWS profile yet, and no keys are in the environment: {made}"]


def _notes_on_scope(facts: Facts, target: Target) -> list[str]:
    if facts.scope != "system" or not target.hosts:
        return []
    hosts = ", ".join(host for host, _ in target.hosts)
    return [f"the helper of each other user signs for {hosts} only after that user has run setup as well"]


def _ca_notes(facts: Facts, choices: Choices) -> list[str]:
    notes = []
    for name in CA_OVERRIDES:
        value = facts.environment.get(name)
        if value and choices.ca is not None and value != str(choices.ca):
            notes.append(
                f"{name} is set in this environment ({printable(value)}) and overrules the CA written here: "
                f"unset it, or let it be {choices.ca}"
            )
    return notes


def _notes_for_old_git(facts: Facts, sections: Iterable[str]) -> list[str]:
    """Say what a git without the empty reset needs: nothing that comes before may answer."""
    if facts.git.version >= EMPTY_HELPER_RESETS:
        return []
    notes = []
    seen = set()
    for section in sections:
        for entry in _named_before(facts, section.replace("*", "any")):
            if entry not in seen and not entry.value.startswith(facts.helper):
                seen.add(entry)
                notes.append(
                    f"{facts.git.text} cannot be told to forget other helpers (2.9 can), and asks "
                    f"{printable(entry.value)} as well: take that line out by hand ({place(entry)})"
                )
    return notes


def _named_before(facts: Facts, url: str) -> list[Entry]:
    helpers = git_config.helpers_for(facts.entries, url, facts.git.version)
    return [entry for entry in helpers if kind(entry.value) not in {"aws", "moorage"}]


def _credentials(choices: Choices) -> str:
    return f"profile {printable(choices.profile)}" if choices.profile else "the credentials at hand"
