"""Old signatures for the hosts set up, out of what other helpers keep: their files, and their stores."""

from __future__ import annotations

from moorage.client.changes import Change
from moorage.client.machine import Machine
from moorage.client.setup import evict, found
from moorage.client.setup.evict import Evicted
from moorage.client.setup.facts import Facts
from moorage.client.setup.target import Target, asked


def changes(machine: Machine, facts: Facts, target: Target) -> list[Change]:
    """Return the changes of the files that git's `store` keeps."""
    return evict.from_files(machine, _helpers(facts, target), target.sections, facts.git.version)


def evicted(machine: Machine, facts: Facts, target: Target) -> list[Evicted]:
    """Have the other helpers erase what they keep for the target and its region, and this folder's remote."""
    remote = found.remote(facts, None)
    regions = {target.region, asked(remote).region if remote else None} - {None}
    repositories = [url for url in (target.url, remote) if url]
    wanted = evict.urls(target.sections, [region for region in regions if region], repositories)
    return evict.from_helpers(machine, facts.git, _helpers(facts, target), wanted)


def _helpers(facts: Facts, target: Target) -> list[str]:
    return evict.helpers(facts.entries, target.sections, facts.git.version)
