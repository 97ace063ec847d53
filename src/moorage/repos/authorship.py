"""Who is written into a commit that the API makes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from moorage.git.new_objects import Signature

if TYPE_CHECKING:
    from moorage.core.principal import Caller

# What git itself leaves out of a name or an e-mail address: these anywhere, and the rest at both ends.
_NOWHERE = re.compile(r"[<>\x00-\x1f\x7f]")
_AT_THE_ENDS: Final = " .,:;\"\\'"


def signature(
    caller: Caller, name: str | None, email: str | None, now: datetime, *, default: str | None = None
) -> Signature:
    """Return who writes a commit at `now`.

    Without a name it is `default`, which is the caller's user name or session name where not given.
    Without an e-mail address it is left blank. What Git cannot write of either is left out.
    """
    candidates = (name, default, short_name(caller), str(caller.principal.arn))
    written = next(filter(None, (_written(each) for each in candidates if each)), "unknown")
    return Signature(written, _written(email or ""), now)


def short_name(caller: Caller) -> str:
    """Return the name of the caller's user or session, as CreateCommit writes it where none is given."""
    principal = caller.principal
    if principal.session is not None and principal.session.name:
        return principal.session.name
    return principal.user_name or principal.arn.rpartition(":")[2].rpartition("/")[2]


def _written(text: str) -> str:
    valid = text.encode("utf-8", "replace").decode()
    return _NOWHERE.sub("", valid).strip(_AT_THE_ENDS)
