"""Whom a commit made by the API names as author and committer."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from moorage.core.principal import Caller
from moorage.git.new_objects import Signature

# What git takes out of names and addresses, and what it takes off their ends.
_FORBIDDEN = re.compile(r"[<>\x00-\x1f\x7f]")
_CRUD: Final = " .,:;\"\\'"


def signature(name: str | None, email: str | None, now: datetime, *, default_name: str) -> Signature:
    """Return a signature in the form that git gives it; `default_name` is for who names nobody.

    Without an e-mail address it is blank, as CodeCommit has it.
    """
    return Signature(_tidy(name or "") or _tidy(default_name) or "unknown", _tidy(email or ""), now)


def short_name(caller: Caller) -> str:
    """Return a user's name, or the name of a session: what CreateCommit calls a nameless author."""
    principal = caller.principal
    if principal.user_name is not None:
        return principal.user_name
    if principal.session is not None and principal.session.name is not None:
        return principal.session.name
    return principal.arn


def _tidy(text: str) -> str:
    return _FORBIDDEN.sub("", text).strip(_CRUD)
