"""The order of `moorage setup`: look, ask, show, write, prove; and the way back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorage.client import changes
from moorage.client.aws_files import Unreadable
from moorage.client.changes import ChangeRefused
from moorage.client.discovery import NotDiscovered
from moorage.client.git_config import ConfigSyntaxError, ConfigUnreadable
from moorage.client.machine import Machine, printable
from moorage.client.setup import asked, found, proof, routes, stored
from moorage.client.setup import facts as reading
from moorage.client.setup import plan as planning
from moorage.client.setup import target as targets
from moorage.client.setup.aws_profile import ProfileRefused
from moorage.client.setup.evict import Evicted
from moorage.client.setup.facts import Facts, NotReady
from moorage.client.setup.options import Options, Terminal
from moorage.client.setup.plan import Choices, Plan
from moorage.client.setup.proof import Proof
from moorage.client.setup.routing import RouteRefused
from moorage.client.setup.target import NotUnderstood, Target

REFUSALS = (
    NotReady,
    NotUnderstood,
    NotDiscovered,
    ConfigUnreadable,
    ConfigSyntaxError,
    Unreadable,
    ChangeRefused,
    RouteRefused,
    ProfileRefused,
)


@dataclass(slots=True)
class Outcome:
    """What was planned and done, for --json as for a person."""

    planned: Plan
    target: Target | None = None
    url: str | None = None
    written: bool = False
    journal: Path | None = None
    proof: Proof | None = None
    evicted: list[Evicted] = field(default_factory=list)

    @property
    def status(self) -> int:
        return 1 if self.proof is not None and not self.proof.ok else 0

    @property
    def clone(self) -> str | None:
        """The command that clones the repository named, or any of the server's: for a person to paste."""
        if self.target is None:
            return None
        if self.url is None and self.target.prefix is None:
            return None
        return f"git clone {shlex.quote(self.url or self.target.some_prefix + 'NAME')}"

    def as_json(self) -> dict[str, Any]:
        made = [
            {"path": str(each.path), "why": each.why, "diff": changes.diff(each)}
            for each in self.planned.changes
        ]
        tried = self.proof
        return {
            "changes": made,
            "written": self.written,
            "notes": self.planned.notes,
            "evicted": [each._asdict() for each in self.evicted],
            "proof": None
            if tried is None
            else {"ok": tried.ok, "tried": tried.tried, "said": list(tried.said)},
            "clone": self.clone,
        }


class Declined(Exception):
    """The user said no, or nobody is there to say yes."""


def run(options: Options, machine: Machine, terminal: Terminal) -> Outcome:
    """Set the machine up.

    Raises:
        Declined: nothing was written.
        One of `REFUSALS`: it cannot be done; the message says what to do.
    """
    facts = reading.read(machine, options.scope)
    terminal.say(_introduction(facts))
    options = asked.missing(options, facts, terminal)
    _require_profile(facts, options.profile)
    outcome = _planned(options, machine, facts, terminal)
    _show(outcome, terminal)
    if outcome.planned.changes and not options.dry_run:
        if not options.yes and not asked.agreed(terminal, "Make these changes?"):
            raise Declined("nothing was changed")
        outcome.journal = changes.apply(machine, outcome.planned.changes, _what(options))
        outcome.written = True
        terminal.say("written" + ("; to take it back: moorage setup --undo" if outcome.journal else ""))
    if not options.dry_run and outcome.target is not None:
        outcome.evicted = stored.evicted(machine, facts, outcome.target, options.route)
        _show_evicted(outcome, terminal)
    if options.check and not options.dry_run and outcome.target is not None:
        outcome.proof = proof.prove(machine, facts, outcome.target, outcome.url)
        _show_proof(outcome, terminal)
    return outcome


def undo(machine: Machine, terminal: Terminal, *, yes: bool, dry_run: bool) -> Outcome:
    """Take back the last changes that moorage made.

    Raises:
        Declined, ChangeRefused: nothing was changed.
    """
    kept = changes.journals(machine)
    if not kept:
        raise ChangeRefused("there is nothing to undo")
    what, back = changes.undoing(machine, kept[-1])
    outcome = Outcome(Plan(back, [f"undoes: {printable(what)}"]))
    _show(outcome, terminal, nothing="its changes are gone already")
    if dry_run:
        return outcome
    if not yes and not asked.agreed(terminal, "Take these changes back?"):
        raise Declined("nothing was changed")
    changes.undo(machine, kept[-1])
    outcome.written = True
    terminal.say("taken back")
    return outcome


def _planned(options: Options, machine: Machine, facts: Facts, terminal: Terminal) -> Outcome:
    if options.guide:
        choices = Choices(options.profile, options.region)
        return Outcome(planning.guide(facts, choices))
    told, url = _told(options, facts)
    profile = options.profile or (told.profile if told else None)
    _require_profile(facts, profile)
    choices = Choices(profile, options.region, options.ca)
    its = found.find(machine, facts, told, choices)
    its = its._replace(target=its.target._replace(user=told.user if told else None))
    for note in its.notes:
        terminal.say(f"note: {note}")
    choices = Choices(profile, its.target.region, its.ca, _only(told, its.target) if options.only else None)
    made = planning.plan(facts, its.target, choices)
    made = Plan([*made.changes, *stored.changes(machine, facts, its.target, options.route)], made.notes)
    made = routes.changes(machine, facts, its, made=made, choices=choices, options=options)
    return Outcome(Plan(changes.merged(made.changes), made.notes), its.target, its.target.url or url)


def _told(options: Options, facts: Facts) -> tuple[targets.Asked | None, str | None]:
    """Return what the URL says, and the URL of a repository that was found in this folder."""
    text = options.url
    if text is None:
        url = found.remote(facts, None)
        return (targets.asked(url), url) if url else (None, None)
    if ":" not in text and "." not in text and "/" not in text and text != "localhost":
        return _of_remote(text, options, facts)
    return targets.asked(text), None


def _of_remote(name: str, options: Options, facts: Facts) -> tuple[targets.Asked, str]:
    """Return what a remote's URL says. Whose host only the repository names, somebody must agree to."""
    url = found.remote(facts, name)
    if url is None:
        raise NotUnderstood(f"{printable(name)} is neither a URL nor a remote of this folder's repository")
    told = targets.asked(url)
    if options.yes and not found.is_known(told, facts):
        raise NotUnderstood(
            f"{printable(name)} is {printable(changes.masked(url))}, not set up yet: "
            "a repository may name any host, so give that URL itself, or leave --yes out"
        )
    return told, url


def _only(told: targets.Asked | None, target: Target) -> str:
    """Return the URL whose section is written with --only: the repository's, or the user's at the host."""
    if told is None or not target.base or not (told.repository or told.user):
        raise NotUnderstood("--only needs the URL of a repository, or one with a user: https://USER@HOST")
    return target.url or target.with_user(target.base)


def _require_profile(facts: Facts, name: str | None) -> None:
    if name is None or facts.profile(name) is not None:
        return
    known = ", ".join(printable(each.name) for each in facts.profiles)
    there = f"there are: {known}" if known else "there are none yet: `aws configure` makes one"
    raise NotReady(f"there is no profile {printable(name)} in {facts.aws_config} or beside it; {there}")


def _what(options: Options) -> str:
    return "setup" + (f" {options.url}" if options.url else "") + (" --guide" if options.guide else "")


def _introduction(facts: Facts) -> str:
    count = len(facts.profiles)
    lines = [
        f"git       {printable(facts.git.text.removeprefix('git version '))} ({printable(facts.git.path)})",
        f"AWS CLI   {printable(facts.aws or 'not found; it is not needed')}",
        f"profiles  {', '.join(_profile(each) for each in facts.profiles[:8]) or 'none'}"
        + (f" and {count - 8} more" if count > 8 else ""),
    ]
    return "\n".join(lines)


def _profile(profile: reading.Profile) -> str:
    about = ", ".join(each for each in (profile.kind, profile.region) if each)
    return printable(profile.name) + (f" ({printable(about)})" if about else "")


def _show(
    outcome: Outcome, terminal: Terminal, nothing: str = "everything is set up already; nothing to change"
) -> None:
    for change in outcome.planned.changes:
        terminal.say()
        terminal.say(f"# {change.why}")
        terminal.say(changes.diff(change).rstrip("\n"))
    if not outcome.planned.changes:
        terminal.say(nothing)
    else:
        terminal.say()
    for note in outcome.planned.notes:
        terminal.say(f"note: {note}")


def _show_evicted(outcome: Outcome, terminal: Terminal) -> None:
    for each in outcome.evicted:
        if each.problem:
            terminal.say(f"note: {each.helper} for {each.url}: {each.problem}")
        else:
            terminal.say(f"took an old signature of {each.account} for {each.url} out of {each.helper}")


def _show_proof(outcome: Outcome, terminal: Terminal) -> None:
    tried = outcome.proof
    assert tried is not None
    terminal.say(f"{'works' if tried.ok else 'fails'}: {tried.tried}")
    for line in tried.said:
        terminal.say(f"  {line}")
    if not tried.ok:
        about = f" {shlex.quote(outcome.url)}" if outcome.url else ""
        terminal.say(f"to see why, step by step: moorage doctor{about}")
    elif outcome.clone:
        terminal.say(f"next: {outcome.clone}")
