"""Rows of pull requests' approval rules, and of who approves or overrides which revision.

Every function works in its caller's transaction. Whoever changes something has locked the
repository's row before: a rule, an approval and a new revision then come in one order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, delete, func, insert, select, update

from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

_RULES = tables.approval_rules
_APPROVALS = tables.approvals
_OVERRIDES = tables.approval_overrides


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule, as the table holds it. `template_id` and `template_name` say what it was made from."""

    rule_id: str
    pull_request_key: str
    name: str
    content: str
    content_sha256: str
    template_id: str | None
    template_name: str | None
    created_at_ms: int
    modified_at_ms: int
    modified_by: str


_ROW = select(*(_RULES.c[field.name] for field in fields(RuleRow)))


def add(connection: Connection, rules: Iterable[RuleRow]) -> None:
    """Add rules whose names the pull request has not yet."""
    if values := [asdict(rule) for rule in rules]:
        connection.execute(insert(_RULES), values)


def of_pull_request(connection: Connection, pull_request_key: str) -> list[RuleRow]:
    """Return the rules of a pull request, oldest first."""
    query = _ROW.where(_RULES.c.pull_request_key == pull_request_key)
    query = query.order_by(_RULES.c.created_at_ms, _RULES.c.name)
    return [RuleRow(*found) for found in connection.execute(query)]


def find(connection: Connection, pull_request_key: str, name: str) -> RuleRow | None:
    """Return a pull request's rule of that name."""
    query = _ROW.where(_RULES.c.pull_request_key == pull_request_key, _RULES.c.name == name)
    found = connection.execute(query).first()
    return RuleRow(*found) if found else None


def count(connection: Connection, pull_request_key: str) -> int:
    """Return how many rules a pull request has."""
    query = select(func.count()).select_from(_RULES).where(_RULES.c.pull_request_key == pull_request_key)
    return int(connection.execute(query).scalar_one())


def change(connection: Connection, rule: RuleRow) -> None:
    """Write a rule that is there already."""
    values = asdict(rule)
    connection.execute(update(_RULES).where(_RULES.c.rule_id == values.pop("rule_id")).values(values))


def remove(connection: Connection, rule_id: str) -> None:
    """Delete a rule."""
    connection.execute(delete(_RULES).where(_RULES.c.rule_id == rule_id))


# --- approvals and overrides of a revision --------------------------------------------------


def approvers(connection: Connection, revision_id: str) -> list[str]:
    """Return the ARNs of those who approve a revision, in the order in which they did."""
    query = select(_APPROVALS.c.user_arn).where(_APPROVALS.c.revision_id == revision_id)
    query = query.order_by(_APPROVALS.c.at_ms, _APPROVALS.c.user_arn)
    return list(connection.execute(query).scalars())


def approve(connection: Connection, revision_id: str, user_arn: str, at_ms: int) -> None:
    """Note that somebody approves a revision."""
    values = {"revision_id": revision_id, "user_arn": user_arn, "at_ms": at_ms}
    insert_if_absent(connection, _APPROVALS, values)


def revoke(connection: Connection, revision_id: str, user_arn: str) -> None:
    """Forget that somebody approves a revision."""
    own = (_APPROVALS.c.revision_id == revision_id) & (_APPROVALS.c.user_arn == user_arn)
    connection.execute(delete(_APPROVALS).where(own))


def overrider(connection: Connection, revision_id: str) -> str | None:
    """Return the ARN of who put a revision's rules aside, None where nobody has."""
    query = select(_OVERRIDES.c.overrider_arn).where(_OVERRIDES.c.revision_id == revision_id)
    return connection.execute(query).scalar()


def override(connection: Connection, revision_id: str, overrider_arn: str, at_ms: int) -> None:
    """Put a revision's rules aside."""
    values = {"revision_id": revision_id, "overrider_arn": overrider_arn, "at_ms": at_ms}
    insert_if_absent(connection, _OVERRIDES, values)


def revoke_override(connection: Connection, revision_id: str) -> None:
    """Let a revision's rules hold again."""
    connection.execute(delete(_OVERRIDES).where(_OVERRIDES.c.revision_id == revision_id))
