"""Types for the names Git gives things, so that one is not passed for another."""

from __future__ import annotations

import re
from typing import NewType

ObjectId = NewType("ObjectId", str)  # 40 lower-case hex digits
RefName = NewType("RefName", str)  # a full name, as refs/heads/main

ZERO_ID = ObjectId("0" * 40)

_OBJECT_ID = re.compile(r"[0-9a-f]{40}")


def is_object_id(text: str) -> bool:
    """Tell whether `text` is a full object id in Git's own (lower-case) form."""
    return _OBJECT_ID.fullmatch(text) is not None
