"""Questions, only to somebody who can answer, and only what the command line left open."""

from __future__ import annotations

import dataclasses

from moorage.client.machine import printable
from moorage.client.setup import found
from moorage.client.setup.facts import Facts
from moorage.client.setup.options import Options, Terminal

ACCESS_KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def missing(options: Options, facts: Facts, terminal: Terminal) -> Options:
    """Ask for the server and the profile where the command line and the folder leave them open."""
    if options.yes:
        return options
    if options.url is None and not options.guide and found.remote(facts, None) is None:
        answer = terminal.ask("URL of the server or of a repository (empty: CodeCommit at AWS): ")
        options = dataclasses.replace(options, url=(answer or "").strip() or None)
    several = len(facts.profiles) > 1
    if (
        options.profile is None
        and several
        and not any(facts.environment.get(each) for each in ACCESS_KEY_VARIABLES)
    ):
        names = ", ".join(printable(each.name) for each in facts.profiles)
        answer = terminal.ask(f"Profile to sign with, of {names} (empty: default): ")
        options = dataclasses.replace(options, profile=(answer or "").strip() or None)
    if not (
        options.url or options.guide or options.region or found.region_at_hand(facts, options.profile)
    ) and (found.remote(facts, None) is None):
        answer = terminal.ask("Region of your repositories (empty: us-east-1): ")
        options = dataclasses.replace(options, region=(answer or "").strip() or None)
    return options


def agreed(terminal: Terminal, question: str) -> bool:
    """Ask for a yes; an empty line is one, and no answer at all is none."""
    answer = terminal.ask(f"{question} [Y/n] ")
    return answer is not None and answer.strip().lower() in {"", "y", "yes"}
