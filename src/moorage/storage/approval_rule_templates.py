"""Rows of approval rule templates, and of the repositories whose pull requests get rules from them.

Every function works in its caller's transaction. Whoever ties a template to a repository has locked
the repository's row first and the template's second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from moorage.storage import tables
from moorage.storage.upsert import insert_if_absent

_TEMPLATES = tables.approval_rule_templates
_LINKS = tables.approval_rule_template_repositories
_REPOSITORIES = tables.repositories


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One template, as the table holds it. Its name is unique in an account and region."""

    template_id: str
    account_id: str
    region: str
    name: str
    description: str | None
    content: str
    content_sha256: str
    created_at_ms: int
    modified_at_ms: int
    modified_by: str


_ROW = select(*(_TEMPLATES.c[field.name] for field in fields(TemplateRow)))


def add(connection: Connection, row: TemplateRow) -> bool:
    """Add a template; return False when there is one of that name."""
    return insert_if_absent(connection, _TEMPLATES, asdict(row))


def find(
    connection: Connection, account_id: str, region: str, name: str, *, for_change: bool = False
) -> TemplateRow | None:
    """Return the template of that name, locked until the transaction ends if asked."""
    query = _of(_ROW, account_id, region).where(_TEMPLATES.c.name == name)
    found = connection.execute(query.with_for_update() if for_change else query).first()
    return TemplateRow(*found) if found else None


def change(connection: Connection, template_id: str, **values: Any) -> None:
    """Set columns of a template."""
    connection.execute(update(_TEMPLATES).where(_TEMPLATES.c.template_id == template_id).values(**values))


def remove(connection: Connection, template_id: str) -> None:
    """Delete a template. Rules that were made from it stay."""
    connection.execute(delete(_TEMPLATES).where(_TEMPLATES.c.template_id == template_id))


def count(connection: Connection, account_id: str, region: str) -> int:
    """Return how many templates an account has in a region."""
    query = _of(select(func.count()).select_from(_TEMPLATES), account_id, region)
    return int(connection.execute(query).scalar_one())


def names(
    connection: Connection, account_id: str, region: str, *, after: str | None, limit: int
) -> list[str]:
    """Return up to `limit` names of an account's templates after a name, in order."""
    query = _of(select(_TEMPLATES.c.name), account_id, region)
    return _page(connection, query, _TEMPLATES.c.name, after, limit)


def _of(query: Select[Any], account_id: str, region: str) -> Select[Any]:
    return query.where(_TEMPLATES.c.account_id == account_id, _TEMPLATES.c.region == region)


def _page(connection: Connection, query: Select[Any], name: Any, after: str | None, limit: int) -> list[str]:
    if after is not None:
        query = query.where(name > after)
    return list(connection.execute(query.order_by(name).limit(limit)).scalars())


# --- the repositories of a template ---------------------------------------------------------


def associate(connection: Connection, template_id: str, repository_id: str) -> bool:
    """Tie a template to a repository; return False when it is already."""
    return insert_if_absent(connection, _LINKS, {"template_id": template_id, "repository_id": repository_id})


def disassociate(connection: Connection, template_id: str, repository_id: str) -> bool:
    """Untie a template from a repository; return False when it was not tied to it."""
    link = delete(_LINKS).where(_LINKS.c.template_id == template_id, _LINKS.c.repository_id == repository_id)
    return connection.execute(link).rowcount == 1


def is_associated(connection: Connection, template_id: str, repository_id: str) -> bool:
    """Tell whether a template is tied to a repository."""
    link = select(_LINKS.c.template_id).where(
        _LINKS.c.template_id == template_id, _LINKS.c.repository_id == repository_id
    )
    return connection.execute(link).first() is not None


def in_use(connection: Connection, template_id: str) -> bool:
    """Tell whether a template is tied to any repository."""
    link = select(_LINKS.c.template_id).where(_LINKS.c.template_id == template_id)
    return connection.execute(link.limit(1)).first() is not None


def count_of_repository(connection: Connection, repository_id: str) -> int:
    """Return how many templates a repository has."""
    query = select(func.count()).select_from(_LINKS).where(_LINKS.c.repository_id == repository_id)
    return int(connection.execute(query).scalar_one())


def of_repository(connection: Connection, repository_id: str) -> list[TemplateRow]:
    """Return the templates of a repository, by name."""
    query = _ROW.join(_LINKS, _LINKS.c.template_id == _TEMPLATES.c.template_id)
    query = query.where(_LINKS.c.repository_id == repository_id).order_by(_TEMPLATES.c.name)
    return [TemplateRow(*found) for found in connection.execute(query)]


def repository_names(connection: Connection, template_id: str, *, after: str | None, limit: int) -> list[str]:
    """Return up to `limit` names of a template's repositories after a name, in order."""
    query = select(_REPOSITORIES.c.name).join(_LINKS, _LINKS.c.repository_id == _REPOSITORIES.c.repository_id)
    query = query.where(_LINKS.c.template_id == template_id)
    return _page(connection, query, _REPOSITORIES.c.name, after, limit)
