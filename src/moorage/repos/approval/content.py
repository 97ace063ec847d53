"""The content of approval rules and of their templates: JSON that is checked, kept and hashed as sent.

Source: "Create an approval rule" and "Create an approval rule template" in the CodeCommit User Guide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from moorage.core.faults import Fault
from moorage.git.ref_names import branch_name_fault
from moorage.repos.approval.pools import has_pattern, is_member

VERSION: Final = "2018-11-08"

# Source: "Quotas in AWS CodeCommit". Content is counted in characters.
CONTENT_LIMIT: Final = 3_000
POOL_LIMIT: Final = 50
DESTINATION_LIMIT: Final = 100
APPROVALS_LIMIT: Final = 200

_BRANCHES: Final = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Statement:
    """How many approvals are needed, and of whom: an empty pool is everybody."""

    needed: int
    pool: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleContent:
    """What a rule says. Without destinations it is about every branch."""

    statements: tuple[Statement, ...]
    destinations: tuple[str, ...] = ()

    def is_about(self, ref: bytes) -> bool:
        """Tell whether a template is meant for pull requests into a ref (its full name)."""
        name = ref.decode(errors="surrogateescape")
        return not self.destinations or any(has_pattern(name, pattern) for pattern in self.destinations)


class _Wrong(Exception):
    """Something about the content that its sender must put right."""


def sha256(text: str) -> str:
    """Return the hash that a rule's content is known by: of its bytes as sent, in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def rule(text: str) -> RuleContent:
    """Read the content of a pull request's own rule.

    Raises:
        Fault: InvalidApprovalRuleContentException.
    """
    return _checked(text, "InvalidApprovalRuleContentException", destinations=False)


def template(text: str) -> RuleContent:
    """Read the content of a template, which may also say for which destination branches it is.

    Raises:
        Fault: InvalidApprovalRuleTemplateContentException.
    """
    return _checked(text, "InvalidApprovalRuleTemplateContentException", destinations=True)


@lru_cache(maxsize=1024)
def stored(text: str) -> RuleContent:
    """Read content that was checked when it was stored: a rule made from a template keeps all it says."""
    return _read(text, destinations=True)


def _checked(text: str, error: str, *, destinations: bool) -> RuleContent:
    try:
        return _read(text, destinations=destinations)
    except _Wrong as wrong:
        raise Fault(error, f"The content of the approval rule is not valid: {wrong}") from wrong


def _read(text: str, *, destinations: bool) -> RuleContent:
    if len(text) > CONTENT_LIMIT:
        raise _Wrong(f"it has {len(text):,} characters; at most {CONTENT_LIMIT:,} are allowed")
    content = _members(_json(text), "it", {"Version", "Statements", "DestinationReferences"})
    if content.get("Version") != VERSION:
        raise _Wrong(f'"Version" must be "{VERSION}"')
    if "DestinationReferences" in content and not destinations:
        raise _Wrong('"DestinationReferences" is for approval rule templates only')
    statements = _list(content.get("Statements"), '"Statements"')
    if not statements:
        raise _Wrong('"Statements" must have a statement')
    patterns = _list(content.get("DestinationReferences", []), '"DestinationReferences"')
    if len(patterns) > DESTINATION_LIMIT:
        raise _Wrong(f'"DestinationReferences" has {len(patterns)} entries; at most {DESTINATION_LIMIT}')
    return RuleContent(tuple(map(_statement, statements)), tuple(map(_destination, patterns)))


def _json(text: str) -> object:
    try:
        text.encode()  # which lone surrogates fail; JSON has no NUL
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Wrong("it is not well-formed JSON") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Wrong("a member is given twice")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _members(given: object, what: str, known: Collection[str]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise _Wrong(f"{what} must be a JSON object")
    if unknown := sorted(given.keys() - known):
        raise _Wrong(f"{what} has the unknown member {unknown[0][:100]!a}")
    return given


def _list(given: object, what: str) -> list[Any]:
    if not isinstance(given, list):
        raise _Wrong(f"{what} must be a list")
    return given


def _statement(given: object) -> Statement:
    known = {"Type", "NumberOfApprovalsNeeded", "ApprovalPoolMembers"}
    statement = _members(given, "a statement", known)
    if statement.get("Type") != "Approvers":
        raise _Wrong('the "Type" of a statement must be "Approvers"')
    needed = statement.get("NumberOfApprovalsNeeded")
    if type(needed) is not int or not 0 <= needed <= APPROVALS_LIMIT:
        raise _Wrong(f'"NumberOfApprovalsNeeded" must be a whole number from 0 to {APPROVALS_LIMIT}')
    pool = _list(statement.get("ApprovalPoolMembers", []), '"ApprovalPoolMembers"')
    if len(pool) > POOL_LIMIT:
        raise _Wrong(f'"ApprovalPoolMembers" has {len(pool)} members; at most {POOL_LIMIT} are allowed')
    return Statement(needed, tuple(map(_member, pool)))


def _member(given: object) -> str:
    if not isinstance(given, str) or not is_member(given):
        raise _Wrong(
            "a member of an approval pool is written CodeCommitApprovers:ACCOUNT-ID:NAME, or as the ARN"
            " of an IAM user, a federated user or an assumed role's session"
        )
    return given


def _destination(given: object) -> str:
    if not isinstance(given, str) or not given.startswith(_BRANCHES):
        raise _Wrong(f"a destination reference is a branch's full name and begins with {_BRANCHES}")
    branch = given.removeprefix(_BRANCHES)
    if branch.startswith("*"):
        raise _Wrong("the name of a destination branch may not begin with *")
    if fault := branch_name_fault(branch.replace("*", "x")):
        raise _Wrong(f"a destination reference is no branch: {fault}")
    return given
