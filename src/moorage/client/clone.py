"""From nothing to a working clone: find the server, have git sign in there, and let git clone.

What is written for the sign-in is what `moorage setup` writes: a section for the host in the user's
configuration, or, when another profile has that already or `--local` is said, in the clone's alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorage.client import (
    aws_files,
    changes,
    credential_fill,
    git_config,
    repository_names,
    signing_hosts,
)
from moorage.client.aws_files import Unreadable
from moorage.client.changes import Change, ChangeRefused
from moorage.client.discovery import NotDiscovered
from moorage.client.git_config import ConfigSyntaxError, ConfigUnreadable, Entry
from moorage.client.machine import Machine, printable
from moorage.client.probe_route import route
from moorage.client.server_probe import Probe, probe
from moorage.client.setup import asked, found
from moorage.client.setup import facts as reading
from moorage.client.setup import plan as planning
from moorage.client.setup import target as targets
from moorage.client.setup.command import Declined
from moorage.client.setup.facts import Facts, NotReady
from moorage.client.setup.found import Found
from moorage.client.setup.options import Terminal
from moorage.client.setup.plan import Choices, Plan
from moorage.client.setup.target import Asked, NotUnderstood

REFUSALS = (
    NotReady,
    NotUnderstood,
    NotDiscovered,
    ConfigUnreadable,
    ConfigSyntaxError,
    Unreadable,
    ChangeRefused,
)
AWS = "aws"

_SCHEME = "codecommit:"
# What CodeCommit takes for a repository's name.
_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_OF_THE_USER = frozenset({"system", "global", "command"})
_AWS_ENDPOINT = re.compile(
    r"https://codecommit(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)/?"
)
_IGNORED_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `server` is a URL, or `aws`; `git` are words for `git clone`."""

    repository: str
    folder: str | None = None
    profile: str | None = None
    region: str | None = None
    server: str | None = None
    ca: Path | None = None
    local: bool = False
    yes: bool = False
    dry_run: bool = False
    git: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What was planned and done. `status` is git's own, 0 before it ran."""

    url: str
    folder: str
    planned: Plan
    configuration: tuple[tuple[str, str], ...] = ()  # of the clone itself
    argv: tuple[str, ...] = ()
    status: int = 0
    reasons: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        made = [
            {"path": str(each.path), "why": each.why, "diff": changes.diff(each)}
            for each in self.planned.changes
        ]
        return {
            "url": self.url,
            "folder": self.folder,
            "cloned": bool(self.argv) and self.status == 0,
            "changes": made,
            "configuration": [{"key": key, "value": value} for key, value in self.configuration],
            "notes": self.planned.notes,
            "reasons": self.reasons,
        }


def run(
    options: Options, machine: Machine, terminal: Terminal, attached: Callable[[Sequence[str]], int]
) -> Outcome:
    """Clone. `attached` runs a program at the user's terminal and returns its exit status.

    Raises:
        Declined: nothing was written.
        One of `REFUSALS`: it cannot be done; the message says what to do.
    """
    facts = reading.read(machine, "global")
    _require_profile(facts, options.profile)
    told = _told(options, facts)
    profile = options.profile or told.profile
    _require_profile(facts, profile)
    # A region that the host's name does not tell is one that was said in another way.
    said = options.region or (told.region if told.region != signing_hosts.region_told(told.host) else None)
    its = found.find(machine, facts, told, Choices(profile, said, options.ca))
    for note in its.notes:
        terminal.say(f"note: {note}")
    url = _url(its, told, is_typed="/" in options.repository and not options.repository.startswith(_SCHEME))
    planned, configuration = _sign_in(facts, its, url, Choices(profile, its.target.region, its.ca), options)
    outcome = Outcome(url, options.folder or url.rpartition("/")[2], planned, configuration)
    _write(options, machine, terminal, outcome)
    settings = [word for key, value in configuration for word in ("--config", f"{key}={value}")]
    folder = [options.folder] if options.folder else []
    argv = (facts.git.path, "clone", *settings, *options.git, "--", url, *folder)
    if options.dry_run:
        terminal.say(f"would run: {printable(shlex.join(('git', *argv[1:])))}")
        return outcome
    outcome.argv = argv
    outcome.status = attached(argv)
    if outcome.status != 0:
        outcome.reasons = _reasons(machine, facts, its, outcome, profile)
        for reason in outcome.reasons:
            terminal.say(reason)
    return outcome


def _told(options: Options, facts: Facts) -> Asked:
    """Return what the first word of the command line means."""
    text = options.repository
    if ":" in text or "/" in text:
        told = targets.asked(text)
        if told.repository is None:
            raise NotUnderstood(f"{printable(text)} names no repository: end it with /v1/repos/NAME")
        return _at_its_server(told, facts, options) if text.startswith(_SCHEME) else told
    if not _NAME.fullmatch(text):
        raise NotUnderstood(f"{printable(text)} is no repository's name, nor a URL")
    server = options.server or _server_at_hand(facts, options)
    return _at(server, text, facts, options)


def _at_its_server(told: Asked, facts: Facts, options: Options) -> Asked:
    """Return codecommit://…, which names no server, at the one that the profile or the command line names."""
    endpoint = options.server or _endpoint(facts, options.profile or told.profile) or AWS
    if endpoint == AWS or _AWS_ENDPOINT.fullmatch(endpoint):
        return told
    there = _at(endpoint, told.repository or "", facts, options)
    return there._replace(profile=told.profile, region=there.region or told.region)


def _at(server: str, name: str, facts: Facts, options: Options) -> Asked:
    """Return a repository of a server; of AWS in the region at hand."""
    if server == AWS:
        region = options.region or found.region_at_hand(facts, options.profile)
        if region is None:
            raise NotUnderstood(f"which region has {name}? Say it by --region, or set the profile's region")
        return targets.asked(f"codecommit::{region}://{name}")
    told = targets.asked(server)
    if told.repository is not None:
        raise NotUnderstood(f"--server {printable(server)}: give the server's URL, without a repository")
    return told._replace(repository=name)


def _server_at_hand(facts: Facts, options: Options) -> str:
    """Return the server that a bare name is of: the profile's endpoint, else the one set up, else AWS."""
    endpoint = _endpoint(facts, options.profile)
    if endpoint is not None:
        return AWS if _AWS_ENDPOINT.fullmatch(endpoint) else endpoint
    region = options.region or found.region_at_hand(facts, options.profile)
    set_up = list(dict.fromkeys(_set_up(facts.hosts_text or "", region)))
    if len(set_up) > 1:
        named = ", ".join(map(printable, set_up))
        raise NotUnderstood(f"several servers are set up ({named}, and AWS): say which by --server")
    return set_up[0] if set_up else AWS


def _endpoint(facts: Facts, profile: str | None) -> str | None:
    """Return the endpoint of CodeCommit that the environment or the profile names, as for the AWS CLI."""
    environment = facts.environment
    if environment.get(_IGNORED_ENDPOINTS, "").lower() == "true":
        return None
    config = aws_files.read(str(facts.aws_config))
    settings = aws_files.profiles_of(config).get(aws_files.profile_of(environment, profile), {})
    services = aws_files.named(config, "services").get(settings.get("services", ""), {})
    of_codecommit = aws_files.nested(services.get("codecommit", "")).get("endpoint_url")
    return (
        environment.get("AWS_ENDPOINT_URL_CODECOMMIT")
        or environment.get("AWS_ENDPOINT_URL")
        or of_codecommit
        or settings.get("endpoint_url")
        or None
    )


def _set_up(hosts: str, region: str | None) -> list[str]:
    """Return the URLs of the servers in the hosts file; a domain counts by its name in the region at hand."""
    lines = [line.partition("#")[0].split() for line in hosts.splitlines()]
    names = [words[0] for words in lines if words and signing_hosts.split(words[0].removeprefix("*."))[0]]
    wide = [name for name in names if name.startswith("*.")]
    if wide and region is not None:
        return [f"https://git-codecommit.{region}.{name[2:]}" for name in wide]
    return [f"https://{name}" for name in names if not name.startswith("*.")]


def _url(its: Found, told: Asked, *, is_typed: bool) -> str:
    """Return the clone URL: as it was given, or the server's own form for a name."""
    target = its.target
    if is_typed and target.url is not None:
        return target.url
    if target.prefix is None:
        raise NotUnderstood(f"the region of {told.repository} is not known: say it by --region")
    return f"{target.prefix}{told.repository}"


def _sign_in(
    facts: Facts, its: Found, url: str, choices: Choices, options: Options
) -> tuple[Plan, tuple[tuple[str, str], ...]]:
    """Return what is to be written so that git signs in: in the user's files, and in the clone's own."""
    ours = [
        entry.value
        for entry in git_config.helpers_for(facts.entries, url, facts.git.version)
        if entry.value.startswith(facts.helper)
    ]
    wanted = dict(planning.helper_pairs(facts, choices))["helper"]
    made = planning.plan(facts, its.target, choices)
    if ours and (ours[-1] == wanted or choices.profile is None) and not options.local:
        # It signs in already; whose credentials do so was decided when it was set up.
        kept = [each for each in made.changes if each.path == facts.hosts_path]
        return Plan(kept + _authority(facts, url, choices), made.notes), ()
    if not ours and not options.local:
        return made, ()
    base = url.partition("/v1/repos/")[0]
    pairs = [(f"credential.{base}.{key}", value) for key, value in planning.helper_pairs(facts, choices)]
    if choices.ca is not None:
        pairs.append((f"http.{base}.sslCAInfo", str(choices.ca)))
    hosts = [each for each in made.changes if each.path == facts.hosts_path]
    return Plan(hosts, made.notes), tuple(pairs)


def _authority(facts: Facts, url: str, choices: Choices) -> list[Change]:
    """Return the change that tells git of a CA which it does not know yet."""
    known = git_config.value_for(facts.entries, url, "http.sslcainfo", facts.git.version)
    if choices.ca is None or (known is not None and known.value == str(choices.ca)):
        return []
    base = url.partition("/v1/repos/")[0]
    text = git_config.with_section(facts.text or "", f"http.{base}", [("sslCAInfo", str(choices.ca))])
    return changes.merged([Change(facts.file, facts.text, text, "trust the server's CA")])


def _write(options: Options, machine: Machine, terminal: Terminal, outcome: Outcome) -> None:
    for change in outcome.planned.changes:
        terminal.say(f"# {change.why}")
        terminal.say(changes.diff(change).rstrip("\n"))
    for note in outcome.planned.notes:
        terminal.say(f"note: {note}")
    if not outcome.planned.changes or options.dry_run:
        return
    if not options.yes and not asked.agreed(terminal, "Make these changes, and clone?"):
        raise Declined("nothing was changed; --yes asks nothing, --dry-run shows the changes")
    changes.apply(machine, outcome.planned.changes, f"clone {outcome.url}")
    terminal.say("written; to take it back: moorage setup --undo")


def _require_profile(facts: Facts, name: str | None) -> None:
    if name is None or facts.profile(name) is not None:
        return
    known = ", ".join(printable(each.name) for each in facts.profiles) or "none"
    raise NotReady(f"there is no profile {printable(name)} in {facts.aws_config}; there are: {known}")


def _reasons(machine: Machine, facts: Facts, its: Found, outcome: Outcome, profile: str | None) -> list[str]:
    """Say what else may help after git has told what the server said."""
    told = _walked(machine, facts, outcome)
    failed = told.failed if told is not None else None
    if told is None or failed is None:
        return []  # it was nothing of the server's
    if told.signed is None or told.signed.status != 404:
        reason = f" ({failed.reason})" if failed.reason else ""
        return [
            printable(
                f"{failed.name}: {failed.found}{reason}; more: moorage doctor {shlex.quote(outcome.url)}"
            )
        ]
    name = outcome.url.rpartition("/")[2]
    ca_file = None if its.trusted is None else str(its.trusted)
    alike = repository_names.alike(machine, its.target, name, profile, ca_file)
    return [f"did you mean {' or '.join(map(printable, alike))}?"] if alike else []


def _walked(machine: Machine, facts: Facts, outcome: Outcome) -> Probe | None:
    """Walk the way that git went, with what the clone's own configuration would have had."""
    entries = [each for each in git_config.entries(machine, facts.git) if each.scope in _OF_THE_USER]
    entries += [Entry("command", None, 0, _as_git_prints(key), value) for key, value in outcome.configuration]
    way = route(outcome.url, entries, machine.environment)
    if way is None:
        return None
    own = outcome.configuration
    return probe(way, lambda: credential_fill.asked(machine, facts.git, way, own=own), now=machine.now)


def _as_git_prints(key: str) -> str:
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    return f"{section}.{subsection}.{name.lower()}"
