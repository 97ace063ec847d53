"""Terminals for `moorage setup`, at which nobody sits."""

from __future__ import annotations


class Silent:
    """What was said is kept; a question fails the test."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ask(self, question: str) -> str | None:
        raise AssertionError(f"asked {question!r}")

    def say(self, text: str = "") -> None:
        self.said.append(text)
