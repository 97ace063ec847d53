"""Thousands of refs, moved as git moves them but without what git itself spends on so many.

`git push` compares each ref that it sends with each ref on either side: some 100 million pairs for
4,000 of 20,000 refs, a minute of the client's processor in which the service is idle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import raw_git
from moorage.core.names import ZERO_ID
from moorage.git.packs import EMPTY_PACK
from person import Person
from service_process import Service

REFS_A_PUSH = 4000  # CodeCommit's quota


def branches(number: int, commits: Sequence[str]) -> dict[str, str]:
    """Name branches over some commits, in folders as teams have them."""
    return {
        f"refs/heads/team-{each % 50}/topic-{each}": commits[each % len(commits)] for each in range(number)
    }


def create(service: Service, repository: str, refs: Mapping[str, str]) -> None:
    """Create refs at objects that the repository has, in as many pushes as the quota asks for."""
    names = list(refs)
    for start in range(0, len(names), REFS_A_PUSH):
        changes = {name: (ZERO_ID, refs[name]) for name in names[start : start + REFS_A_PUSH]}
        told = move(service, repository, changes)
        assert told == {"unpack": "ok"} | dict.fromkeys(changes, "ok"), str(told)[:2000]


def add_to(repository: Path, refs: Mapping[str, str], person: Person) -> None:
    """Create refs in a repository of the person's own."""
    commands = "".join(f"create {name} {object_id}\n" for name, object_id in refs.items())
    person.ok("git", "update-ref", "--stdin", cwd=repository, stdin=commands)
    person.ok("git", "pack-refs", "--all", cwd=repository)


def move(
    service: Service, repository: str, changes: Mapping[str, tuple[str, str]], pack: bytes = EMPTY_PACK
) -> dict[str, str]:
    """Push changes, old and new id by ref; return what the report says of `unpack` and of each ref."""
    path = f"/v1/repos/{repository}"
    lines = [f"{old} {new} {name}".encode() for name, (old, new) in changes.items()]
    lines[0] += b"\0report-status"
    body = b"".join(map(raw_git.pkt, lines)) + b"0000" + pack
    headers = {"Content-Type": "application/x-git-receive-pack-request", **raw_git.credential(service, path)}
    with raw_git.Connection(service) as connection:
        answer = connection.ask("POST", f"{path}/git-receive-pack", headers, body)
    assert answer.status == 200, answer
    told: dict[str, str] = {}
    for line in raw_git.unpkt(answer.body):
        word, _, rest = line.decode().strip().partition(" ")
        if word == "unpack":
            told[word] = rest
        elif word:
            name, _, reason = rest.partition(" ")
            told[name] = reason or word
    return told
