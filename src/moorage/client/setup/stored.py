"""Old signatures for the hosts set up, out of what other helpers keep: their files, and their stores."""

from __future__ import annotations

from moorage.client.changes import Change
from moorage.client.machine import Machine
from moorage.client.setup import evict, found
from moorage.client.setup.evict import Evicted
from moorage.client.setup.facts import Facts
from moorage.client.setup.routing import Way
from moorage.client.setup.target import AWS_SUFFIX, AWS_SUFFIX_OF_CHINA, Target, asked


def changes(machine: Machine, facts: Facts, target: Target, route: Way | None = None) -> list[Change]:
    """Return the changes of the files that git's `store` keeps."""
    sections = _sections(target, route)
    helpers = evict.helpers(facts.entries, sections, facts.git.version)
    return evict.from_files(machine, helpers, sections, facts.git.version)


def evicted(machine: Machine, facts: Facts, target: Target, route: Way | None = None) -> list[Evicted]:
    """Have the other helpers erase what they keep for the target, in the regions that are in use here."""
    remote = found.remote(facts, None)
    regions = {target.region, asked(remote).region if remote else None}
    regions |= {profile.region for profile in facts.profiles}
    repositories = [url for url in (target.url, remote) if url]
    sections = _sections(target, route)
    wanted = evict.urls(sections, [region for region in regions if region], repositories)
    helpers = evict.helpers(facts.entries, sections, facts.git.version)
    return evict.from_helpers(machine, facts.git, helpers, wanted)


def _sections(target: Target, route: Way | None) -> list[str]:
    """Return the target's sections, and where AWS's names lead to it unchanged, theirs."""
    keep_names = route in {"resolve", "proxy"}
    suffixes = [AWS_SUFFIX, AWS_SUFFIX_OF_CHINA] if keep_names else []
    return [*target.sections, *(f"https://git-codecommit.*.{suffix}" for suffix in suffixes)]
