"""Gather policies, from files and from IAM, and judge them: only when doctor is asked to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from moorage.client import aws_files, discovery
from moorage.client.discovery import NotDiscovered
from moorage.client.doctor import own_policies, policy_checks, probing
from moorage.client.doctor.facts import Facts, Target
from moorage.client.doctor.finding import Finding, found
from moorage.client.doctor.own_policies import NotReadable, Place, Policy
from moorage.client.doctor.policy_checks import NotAPolicy, Statement
from moorage.client.machine import Machine

Read = Callable[[Machine, Place, str | None], Iterator[Policy]]


def findings(
    machine: Machine, facts: Facts, files: Iterable[Path], *, own: bool, read: Read = own_policies.read
) -> list[Finding]:
    """Return what is wrong with the policies in the files, and with the caller's own.

    Raises:
        NotAPolicy: a file is none.
    """
    statements = [statement for file in files for statement in _of_file(machine, file)]
    problems = []
    if own:
        try:
            for policy in _own(machine, facts, read):
                statements += _of_iam(policy)
        except (NotReadable, NotDiscovered) as error:
            problems.append(
                found(
                    "policies-not-read",
                    "Your own policies could not all be read.",
                    evidence=str(error),
                    consequence="Doctor says nothing about those.",
                    remedy="Ask for iam:List* and iam:Get* on yourself, or give documents by --policy FILE.",
                )
            )
    return [*policy_checks.check(statements), *problems]


def _of_file(machine: Machine, file: Path) -> list[Statement]:
    text = machine.read(file)
    if text is None:
        raise NotAPolicy(f"{file} cannot be read")
    return policy_checks.parse(str(file), text)


def _of_iam(policy: Policy) -> list[Statement]:
    try:
        return policy_checks.parse(policy.name, policy.text)
    except NotAPolicy as error:
        raise NotReadable(str(error)) from None


def _own(machine: Machine, facts: Facts, read: Read) -> Iterator[Policy]:
    """Give the policies of each caller that the targets' profiles make, once."""
    asked: set[tuple[Place, str | None]] = set()
    for target in facts.targets:
        if not target.is_trusted:
            continue
        which = (_place(facts, target), target.profile_named)
        if which not in asked:
            asked.add(which)
            yield from read(machine, *which)
    if not asked:
        region = facts.settings(aws_files.profile_of(facts.environment, None)).get("region") or "us-east-1"
        yield from read(machine, own_policies.of_aws(region), None)


def _place(facts: Facts, target: Target) -> Place:
    """Return where IAM is for a target: at AWS, or at the server that says so itself."""
    region = target.url.region or facts.settings(facts.profile_of(target)).get("region") or "us-east-1"
    if target.url.scheme == "codecommit" or target.url.host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return own_policies.of_aws(region)
    way = probing.way_to(facts, target)
    ca_file = way.ca_file or None if way is not None else None
    told = discovery.discover(target.url.origin, facts.environment, ca_file)
    where = region if region in told.regions else told.default_region
    return Place(f"{told.endpoints['iam']}/", where, f"{told.endpoints['sts']}/", where, ca_file)
