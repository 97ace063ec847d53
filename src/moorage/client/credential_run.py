"""One run of the credential helper: reads what Git writes, writes the answer, says why there is none."""

from __future__ import annotations

import sys
from time import time

from moorage.client.credential_answer import OPERATIONS, USAGE, NoAnswer, WrongUsage, answer, options_of
from moorage.client.credential_protocol import MOST_BYTES

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.client.credential_answer import Options


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
    return _get(options)


def _get(options: Options) -> int:
    try:
        written = answer(options, sys.stdin.buffer.read(MOST_BYTES + 1), environment(), time())
        sys.stdout.buffer.write(written)  # bytes: a text stream would end lines with CR LF on Windows
        sys.stdout.buffer.flush()
    except NoAnswer as error:
        if str(error):
            say(str(error))
        return 1 if str(error) else 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # a traceback's last line may quote what must not be shown
        say(f"no answer, by a fault of its own: {fault(error)}; please report it")
        return 1
    return 0


def fault(error: BaseException) -> str:
    """Return an error's kind and place, without its text, which may hold what came from a file."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" in {place.tb_frame.f_code.co_filename}, line {place.tb_lineno}"
    return f"{type(error).__name__}{where}"


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
