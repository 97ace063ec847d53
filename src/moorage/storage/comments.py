"""Rows of comments. Whoever adds or changes one has locked its repository's row (`repositories.lock`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from moorage.storage import tables

_COMMENTS = tables.comments

# SQLite allows 32,766 variables in a statement; a page of comments is far below.
_IDS_A_STATEMENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Location:
    """Where a comment hangs: equal ones are shown together.

    Without a path it is about the change as a whole; without a line about a whole file.
    """

    pull_request_key: str | None
    before_commit: str | None
    after_commit: str
    before_blob: str | None = None
    after_blob: str | None = None
    file_path: str | None = None
    file_position: int | None = None
    file_version: str | None = None  # BEFORE, AFTER


@dataclass(frozen=True, slots=True)
class CommentRow:
    """One comment, as the table holds it. Times are Unix milliseconds; `content` is None once deleted."""

    comment_id: str
    account_id: str
    region: str
    repository_id: str
    number: int
    location: Location
    in_reply_to: str | None
    content: str | None
    deleted: bool
    author_arn: str
    client_request_token: str | None
    created_at_ms: int
    modified_at_ms: int


@dataclass(frozen=True, slots=True)
class Outline:
    """What tells a comment's place in a list: its number, and that of the first at its location."""

    first: int
    number: int
    comment_id: str


_LOCATION = tuple(field.name for field in fields(Location))
_OWN = tuple(field.name for field in fields(CommentRow) if field.name != "location")
_ROW = select(*(_COMMENTS.c[name] for name in (*_OWN, *_LOCATION)))


def _comment(found: Row[Any]) -> CommentRow:
    own, location = found[: len(_OWN)], found[len(_OWN) :]
    return CommentRow(**dict(zip(_OWN, own, strict=True)), location=Location(*location))


def add(connection: Connection, row: CommentRow) -> None:
    """Add a comment."""
    values = {name: getattr(row, name) for name in _OWN} | asdict(row.location)
    connection.execute(insert(_COMMENTS).values(values))


def next_number(connection: Connection, repository_id: str) -> int:
    """Return the number of a repository's next comment."""
    newest = select(func.max(_COMMENTS.c.number)).where(_COMMENTS.c.repository_id == repository_id)
    return int(connection.execute(newest).scalar() or 0) + 1


def find(connection: Connection, account_id: str, region: str, comment_id: str) -> CommentRow | None:
    """Return an account's comment by id."""
    query = _ROW.where(
        _COMMENTS.c.comment_id == comment_id,
        _COMMENTS.c.account_id == account_id,
        _COMMENTS.c.region == region,
    )
    found = connection.execute(query).first()
    return _comment(found) if found else None


def of_compared(
    connection: Connection, repository_id: str, before_commit: str | None, after_commit: str
) -> list[Outline]:
    """Return the comments on two commits that no pull request is about, those of one location together."""
    return _outlines(
        connection,
        _COMMENTS.c.repository_id == repository_id,
        _COMMENTS.c.pull_request_key.is_(None),
        _COMMENTS.c.after_commit == after_commit,
        _COMMENTS.c.before_commit == before_commit,
    )


def of_pull_request(
    connection: Connection, pull_request_key: str, compared: tuple[str, str] | None = None
) -> list[Outline]:
    """Return a pull request's comments, those of one location together; `compared` two commits alone."""
    asked = [_COMMENTS.c.pull_request_key == pull_request_key]
    if compared is not None:
        asked += [_COMMENTS.c.before_commit == compared[0], _COMMENTS.c.after_commit == compared[1]]
    return _outlines(connection, *asked)


def _outlines(connection: Connection, *asked: Any) -> list[Outline]:
    columns = (_COMMENTS.c.number, _COMMENTS.c.comment_id, *(_COMMENTS.c[name] for name in _LOCATION))
    firsts: dict[tuple[Any, ...], int] = {}
    found = []
    for number, comment_id, *location in connection.execute(
        select(*columns).where(*asked).order_by(_COMMENTS.c.number)
    ):
        found.append(Outline(firsts.setdefault(tuple(location), number), number, comment_id))
    return sorted(found, key=lambda one: (one.first, one.number))


def of_ids(connection: Connection, comment_ids: Iterable[str]) -> dict[str, CommentRow]:
    """Return comments by id."""
    ids = list(comment_ids)
    found: dict[str, CommentRow] = {}
    for start in range(0, len(ids), _IDS_A_STATEMENT):
        some = ids[start : start + _IDS_A_STATEMENT]
        for row in connection.execute(_ROW.where(_COMMENTS.c.comment_id.in_(some))):
            comment = _comment(row)
            found[comment.comment_id] = comment
    return found


def change(connection: Connection, comment_id: str, content: str | None, at_ms: int) -> None:
    """Give a comment another text; None takes its text away for good."""
    connection.execute(
        update(_COMMENTS)
        .where(_COMMENTS.c.comment_id == comment_id)
        .values(content=content, deleted=content is None, modified_at_ms=at_ms)
    )
