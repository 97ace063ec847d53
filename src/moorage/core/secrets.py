"""A secret that does not show itself in logs, tracebacks or error messages."""

from __future__ import annotations


class Secret:
    """Holds a secret text; `reveal` is the only way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__
