"""One run of the credential helper: reads what Git writes, writes the answer, says why there is none."""

from __future__ import annotations

import sys
from time import time

from moorage.client.credential_answer import OPERATIONS, USAGE, NoAnswer, WrongUsage, answer, options_of
from moorage.client.credential_protocol import MOST_BYTES

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run(arguments: Sequence[str], *, expiry: bool) -> int:
    try:
        options = options_of(arguments)
    except WrongUsage as error:
        say(str(error))
        sys.stderr.write(USAGE)
        return 2
    if options.operation != OPERATIONS[0]:
        return 0  # store, erase, and what a later Git may ask: a helper ignores what it does not know
    options.expiry = options.expiry or expiry
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        written = answer(options, content, environment(), time())
    except NoAnswer as error:
        if not str(error):
            return 0
        say(str(error))
        return 1
    sys.stdout.buffer.write(written)  # bytes: a text stream would end lines with CR LF on Windows
    sys.stdout.buffer.flush()
    return 0


def environment() -> Mapping[str, str]:
    """Return the environment as `os.environ` has it, without the time that importing `os` takes."""
    if "os" in sys.modules or sys.platform == "win32":
        import os

        return os.environ
    from posix import environ

    code = sys.getfilesystemencoding()
    return {
        key.decode(code, "surrogateescape"): value.decode(code, "surrogateescape")
        for key, value in environ.items()
    }


def say(text: str) -> None:
    """Write one line for a person: what a file or a URL brought in cannot steer the terminal."""
    sys.stderr.write(f"moorage: {''.join(c if c.isprintable() else '?' for c in text)}\n")
