"""The user's terminal: questions and what is said, for the commands that ask before they write."""

from __future__ import annotations

import io
import sys


class Terminal:
    """Asks on standard error and says on standard output; `quiet` asks and says nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.is_answered = sys.stdin.isatty() and not quiet
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a console that knows few characters shall not end us
                stream.reconfigure(errors="replace")

    def ask(self, question: str) -> str | None:
        if not self.is_answered:
            return None
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:  # the end of the input, which is no yes; what follows begins a line of its own
            sys.stderr.write("\n")
            return None
        return line.rstrip("\n")

    def say(self, text: str = "") -> None:
        if not self._quiet:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()  # what is refused is said on the other stream, and has to come behind it
