"""Which repositories there are, asked when one is not found: the API's ListRepositories."""

from __future__ import annotations

import difflib
import json

from moorage.client import signed_call
from moorage.client.machine import Machine
from moorage.client.setup.target import AWS_SUFFIX, AWS_SUFFIX_OF_CHINA, Target
from moorage.client.sources import NoCredentials, resolve
from moorage.client.sources.http_call import CallFailed

MOST_PAGES = 10  # of 1,000 names
MOST_ALIKE = 3


def alike(
    machine: Machine, target: Target, name: str, profile: str | None, ca_file: str | None = None
) -> list[str]:
    """Return names like one that is not there; none where the caller may not list, or cannot be asked."""
    try:
        names = _names(machine, target, profile, ca_file)
    except (CallFailed, NoCredentials, ValueError, TypeError, KeyError):
        return []  # a help that is not to be had is no error beside the one that is told
    by_small = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), by_small, MOST_ALIKE)
    return [by_small[each] for each in close]


def _names(machine: Machine, target: Target, profile: str | None, ca_file: str | None) -> list[str]:
    region = target.region or ""
    credentials = resolve(machine.environment, profile, machine.now())
    names: list[str] = []
    asked: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = signed_call.answer(
            endpoint(target),
            json.dumps(asked).encode(),
            {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "CodeCommit_20150413.ListRepositories",
            },
            service="codecommit",
            region=region,
            credentials=credentials,
            environment=machine.environment,
            now=machine.now(),
            ca_file=ca_file,
        )
        told = json.loads(answer.body) if answer.status == 200 else {}
        names += [str(each["repositoryName"]) for each in told.get("repositories", [])]
        if not told.get("nextToken"):
            break
        asked = {"nextToken": told["nextToken"]}
    return names


def endpoint(target: Target) -> str:
    """Return where the CodeCommit API of a target is."""
    if target.discovered is not None:
        return f"{target.discovered.endpoints['codecommit'].rstrip('/')}/"
    if target.kind == "moorage":
        return f"{target.base}/"
    region = target.region or ""
    return f"https://codecommit.{region}.{AWS_SUFFIX_OF_CHINA if region.startswith('cn-') else AWS_SUFFIX}/"
