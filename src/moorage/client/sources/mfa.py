"""The code of an MFA device, asked of the person at the terminal; git's own input is never read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from moorage.client.sources import NoCredentials
from moorage.client.sources.told import one_line, word

if TYPE_CHECKING:
    from moorage.client.sources import Asked

DIGITS = 6


def code(asked: Asked, serial: str, profile: str) -> str:
    """Return the code that the person types.

    Raises:
        NoCredentials: there is no terminal to ask at, or what was typed is no code.
    """
    typed = _typed(f"MFA code for {one_line(serial, 100)}: ") if _may_ask(asked) else None
    if typed is None:
        remedy = f"run `aws sts get-caller-identity --profile {word(profile)}` in one, then again"
        raise NoCredentials(
            f"profile {profile} needs a code of the MFA device {one_line(serial, 100)}, and there is no "
            f"terminal to ask at: {remedy}"
        )
    typed = typed.strip()
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        raise NoCredentials(f"an MFA code has {DIGITS} digits: try again with what the device shows now")
    return typed


def _may_ask(asked: Asked) -> bool:
    """Tell whether git may ask at the terminal: GIT_TERMINAL_PROMPT is its own switch for that."""
    switch = asked.environment.get("GIT_TERMINAL_PROMPT", "1").strip().lower()
    return switch not in {"0", "false", "no", "off", ""}


def _typed(prompt: str) -> str | None:
    """Ask at the process's terminal, without showing what is typed; None when it has none."""
    if sys.platform == "win32":
        if not sys.stderr.isatty():
            return None
    else:
        # `getpass` would fall back to standard input, and that is git's.
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            return None
    import getpass

    try:
        return getpass.getpass(prompt)
    except (EOFError, OSError):
        return ""
