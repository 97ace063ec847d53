"""Texts of other programs and servers, made fit to stand in one line of a terminal."""

from __future__ import annotations

MAX_TOLD = 300  # characters of another's text in a message of ours


def one_line(text: str, limit: int = MAX_TOLD) -> str:
    """Return a text without line ends or control characters, shortened to `limit` characters.

    A hostile server could otherwise move the cursor, or write lines that look like ours.
    """
    words = "".join(char if char.isprintable() else " " for char in text[: 4 * limit]).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def word(text: str) -> str:
    """Return a text as a word of a command line that is told to be run."""
    plain = one_line(text, 100)
    if plain.replace("-", "").replace("_", "").isalnum():
        return plain
    return "'" + plain.replace("'", "'\\''") + "'"


def last_line(text: str, limit: int = MAX_TOLD) -> str:
    """Return the last line of a text that is not blank, as programs end with what went wrong."""
    for line in reversed(text.splitlines()):
        said = one_line(line, limit)
        if said:
            return said
    return ""
