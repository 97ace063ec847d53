"""Ask the servers: the way to each URL, walked with what the user's helpers gave.

Credentials go only to hosts that the user, not a repository, has said to trust; other servers are only
greeted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from moorage.client.doctor.facts import Facts, Target
from moorage.client.machine import Machine
from moorage.client.probe_route import Route, route
from moorage.client.server_probe import Credential, Probe, probe

AT_MOST = 12  # servers are asked at all, so that a repository with a thousand remotes costs nothing
AT_ONCE = 4

_OF_THE_USER = frozenset({"system", "global", "command"})


def probes(machine: Machine, facts: Facts, walk: Callable[..., Probe] = probe) -> Mapping[str, Probe]:
    """Return what was found on the way to each URL over http(s), by the URL's text."""
    ways = [(target, way) for target in facts.over_https() if (way := way_to(facts, target)) is not None]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        walks = [
            (
                target.url.text,
                threads.submit(walk, way, _credential(facts, target), pushes=True, now=machine.now),
            )
            for target, way in ways[:AT_MOST]
        ]
        return {text: walk_.result() for text, walk_ in walks}


def way_to(facts: Facts, target: Target) -> Route | None:
    """Return how git would reach a URL, as far as the user's own configuration says.

    A repository's own could send a signature through its proxy, or have its CA vouch for a false server.
    """
    entries = [entry for entry in facts.entries if entry.scope in _OF_THE_USER]
    return route(target.url.text, entries, facts.environment)


def _credential(facts: Facts, target: Target) -> Callable[[], Credential | None] | None:
    """Return what the helpers gave, in their order; None: nothing is to be sent."""
    if not target.is_trusted:
        return None
    answers = [answer for each in target.helpers if (answer := facts.answer(target, each)) is not None]
    given = next((answer for answer in answers if answer.is_given), None)
    if given is None:
        return None  # other checks say why
    return lambda: Credential(given.username, given.password, given.said, given.seconds)
