"""Policies that guard branches against pushes: do they guard against all else that moves a branch, too.

AWS's recipe denies GitPush, DeleteBranch, PutFile and the merges for chosen branches, by the condition key
`codecommit:References`; it forgets CreateCommit and DeleteFile, and so do the policies made after it. A guard
without `Null` stops every push instead: the first request of a push names no branch yet.

Read is what a policy says in plain: this is no policy engine, and what cannot be judged is not reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from moorage.client.doctor.finding import Finding, found

PUSH = "codecommit:GitPush"
# What changes a branch beside a push, without a review.
DIRECT = (
    *("CreateCommit", "PutFile", "DeleteFile", "DeleteBranch"),
    *("MergeBranchesByFastForward", "MergeBranchesBySquash", "MergeBranchesByThreeWay"),
)
# What changes it after one: many a guard lets that through on purpose.
REVIEWED = ("MergePullRequestByFastForward", "MergePullRequestBySquash", "MergePullRequestByThreeWay")

_REFERENCES = "codecommit:references"
_MOST_CHARACTERS = 256 << 10


class NotAPolicy(Exception):
    """A text is no policy; the message says why."""


class Statement(NamedTuple):
    """A statement of a policy; `where` names both for a person."""

    where: str
    denies: bool
    actions: tuple[str, ...]
    is_all_but: bool  # NotAction
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, tuple[str, ...]]]  # by operator, then key in small letters

    def is_about(self, action: str) -> bool:
        named = any(matches(pattern.lower(), action.lower()) for pattern in self.actions)
        return named != self.is_all_but

    @property
    def is_guard(self) -> bool:
        """Whether it keeps pushes from some branches."""
        return (
            self.denies
            and self.is_about(PUSH)
            and any(_REFERENCES in keys for keys in self.condition.values())
        )

    @property
    def branches(self) -> tuple[str, ...]:
        values = (
            keys.get(_REFERENCES, ()) for operator, keys in self.condition.items() if operator != "null"
        )
        return tuple(dict.fromkeys(value for some in values for value in some))


def parse(name: str, text: str) -> list[Statement]:
    """Return a policy's statements.

    Raises:
        NotAPolicy: it is not one.
    """
    if len(text) > _MOST_CHARACTERS:
        raise NotAPolicy(f"{name} is too long for a policy")
    try:
        told = json.loads(text.removeprefix("\ufeff"))
        statements = told["Statement"]
        return [
            _statement(name, number, each)
            for number, each in enumerate([statements] if isinstance(statements, dict) else statements, 1)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotAPolicy(f"{name} is no IAM policy: JSON with a Statement is wanted") from None


def check(statements: Iterable[Statement]) -> Iterator[Finding]:
    """Judge all policies of one caller together."""
    known = list(statements)
    for guard in known:
        if guard.is_guard:
            yield from _stops_every_push(guard)
            yield from _forgets(guard, known)


def _stops_every_push(guard: Statement) -> Iterator[Finding]:
    if not all(_holds_without_branch(operator, keys) for operator, keys in guard.condition.items()):
        return
    yield found(
        "guard-stops-every-push",
        "A policy that guards branches stops every push, to other branches too.",
        evidence=guard.where,
        consequence="A push begins with a request that names no branch yet; the condition holds there too.",
        remedy='Add "Null": {"codecommit:References": "false"} to the condition.',
    )


def _holds_without_branch(operator: str, keys: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a condition may hold where the request has no codecommit:References."""
    if _REFERENCES not in keys:
        return True
    if operator == "null":
        return "true" in {value.lower() for value in keys[_REFERENCES]}
    return operator.endswith("ifexists") or operator.startswith("forallvalues:") or "not" in operator


def _forgets(guard: Statement, known: list[Statement]) -> Iterator[Finding]:
    allows = [each for each in known if not each.denies]
    forgotten = [
        action
        for action in (*DIRECT, *REVIEWED)
        if not any(_covers(each, guard, f"codecommit:{action}") for each in known)
        and (not allows or any(each.is_about(f"codecommit:{action}") for each in allows))
    ]
    if not set(forgotten) & set(DIRECT):
        return
    branches = ", ".join(guard.branches[:5]) or "chosen branches"
    yield found(
        "guard-forgets-actions",
        f"A policy guards {branches} against pushes and forgets {', '.join(forgotten)}.",
        evidence=guard.where,
        consequence="Whoever may do those changes the branch without a push, from the console or the API.",
        remedy="Add to the statement's Action: "
        + ", ".join(f'"codecommit:{action}"' for action in forgotten if action in DIRECT)
        + (
            "; and the merges of pull requests, if nobody may merge there either."
            if set(forgotten) & set(REVIEWED)
            else "."
        ),
    )


def _covers(other: Statement, guard: Statement, action: str) -> bool:
    """Tell whether a statement denies an action at least where the guard denies pushes."""
    if not other.denies or not other.is_about(action):
        return False
    if not all(any(matches(pattern, each) for pattern in other.resources) for each in guard.resources):
        return False
    if not other.condition or other.condition == guard.condition:
        return True
    only_branches = all(keys.keys() == {_REFERENCES} for keys in other.condition.values())
    is_plain = not any("not" in operator for operator in (*other.condition, *guard.condition))
    return (
        only_branches
        and is_plain
        and all(any(matches(pattern, each) for pattern in other.branches) for each in guard.branches)
    )


def matches(pattern: str, text: str) -> bool:
    """Match as IAM does: `*` for any text, `?` for one character; in time of their product at most."""
    at, place, star, after = 0, 0, -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, after, at = at, place, at + 1
        elif at < len(pattern) and pattern[at] in {"?", text[place]}:
            at, place = at + 1, place + 1
        elif star >= 0:
            after += 1
            at, place = star + 1, after
        else:
            return False
    return not pattern[at:].strip("*")


def _statement(name: str, number: int, told: Mapping[str, Any]) -> Statement:
    sid = told.get("Sid")
    condition = {
        str(operator).lower(): {str(key).lower(): _several(values, _text) for key, values in keys.items()}
        for operator, keys in told.get("Condition", {}).items()
    }
    return Statement(
        f"statement {number}" + (f" ({sid})" if sid else "") + f" of {name}",
        told["Effect"] == "Deny",
        _several(told.get("Action", told.get("NotAction", ()))),
        "Action" not in told,
        _several(told.get("Resource", "*")),
        condition,
    )


def _several(value: Any, read: Callable[[Any], str] = str) -> tuple[str, ...]:
    return tuple(read(each) for each in (value if isinstance(value, list | tuple) else [value]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
