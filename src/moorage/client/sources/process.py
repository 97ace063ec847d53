"""`credential_process`: a program of the person's own that prints credentials as JSON.

It runs without a shell, with no input, for a bounded time. What it brings is not kept: such programs
keep what they may themselves, and a copy on disk would be one that their makers did not agree to.

Source: botocore's ProcessProvider and `compat_shell_split`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from moorage.client.sources import Credentials, NoCredentials, cache
from moorage.client.sources.told import last_line, one_line

if TYPE_CHECKING:
    from moorage.client.sources import Asked

SECONDS = 120  # long enough for a browser's sign-in
LINGER_S = 1
MAX_OUTPUT_BYTES = 256 * 1024
VERSION = 1


def credentials(asked: Asked) -> Credentials | None:
    """Return what the profile's program prints; None when it names none.

    Raises:
        NoCredentials: it cannot be run, fails, or prints no credentials.
    """
    line = asked.settings().get("credential_process")
    if line is None:
        return None
    why = f"the credential_process of profile {asked.profile}"
    try:
        words = split(line, windows=os.name == "nt")
    except ValueError:
        raise NoCredentials(f"{why} has a quote that does not end") from None
    if not words:
        raise NoCredentials(f"{why} is empty")
    return from_answer(parsed(output(words, asked.environment, why), why), why, asked.now)


def split(line: str, *, windows: bool) -> list[str]:
    """Return the words of a command line, as botocore cuts it on the system.

    Raises:
        ValueError: a quote does not end.
    """
    return _split_for_windows(line) if windows else shlex.split(line)


def _split_for_windows(line: str) -> list[str]:
    """Cut as the C runtime does: blanks part, double quotes join, a backslash counts only before one."""
    words: list[str] = []
    word: str | None = None
    quoted = False
    position = 0
    while position < len(line):
        char = line[position]
        slashes = len(line[position:]) - len(line[position:].lstrip("\\"))
        if slashes:
            position += slashes
            before_quote = line[position : position + 1] == '"'
            word = (word or "") + "\\" * (slashes // 2 if before_quote else slashes)
            if before_quote and slashes % 2:
                word += '"'
                position += 1
            continue
        position += 1
        if char == '"':
            quoted, word = not quoted, word or ""
        elif char in " \t" and not quoted:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + char
    if quoted:
        raise ValueError("a quote does not end")
    return words if word is None else [*words, word]


def program(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of a program named on PATH; None when it is in none of its folders.

    Folders named from where one stands do not count, nor, on Windows, that folder itself: git runs in
    folders with other people's files.
    """
    for folder in environment.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):  # noqa: PTH117  # texts, not paths, all along
            found = shutil.which(os.path.join(folder, name))  # noqa: PTH118
            if found is not None:
                return found
    return None


def output(words: list[str], environment: Mapping[str, str], why: str, seconds: float = SECONDS) -> bytes:
    """Return what a program prints.

    Raises:
        NoCredentials: it cannot be run, fails, takes longer or prints more than it may.
    """
    if os.name == "nt" and not os.path.dirname(words[0]):  # noqa: PTH120
        words = [program(words[0], environment) or words[0], *words[1:]]
    try:
        running = subprocess.Popen(  # the person's own line, and no shell reads it
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NoCredentials(f"{why} cannot be run: {one_line(words[0], 100)}: {one_line(reason)}") from None
    printed, said = _Output(running, running.stdout), _Output(running, running.stderr)
    late = False
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        late = True
        running.kill()
        running.wait()
    printed.end()
    said.end()
    if late:
        raise NoCredentials(f"{why} did not end within {seconds:g} seconds")
    if len(printed.content) > MAX_OUTPUT_BYTES:
        raise NoCredentials(f"{why} printed more than {MAX_OUTPUT_BYTES} bytes")
    if running.returncode != 0:
        told = last_line(said.content.decode(errors="replace"))
        raise NoCredentials(f"{why} ended with status {running.returncode}" + (f": {told}" if told else ""))
    return bytes(printed.content)


class _Output(threading.Thread):
    """Reads one of a program's outputs to its end; one too large ends the program."""

    def __init__(self, running: subprocess.Popen[bytes], stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None
        self._running, self._stream, self.content = running, stream, bytearray()
        self.start()

    def run(self) -> None:
        with self._stream:
            while len(self.content) <= MAX_OUTPUT_BYTES:
                part = os.read(self._stream.fileno(), MAX_OUTPUT_BYTES)
                if not part:
                    return
                self.content += part
        self._running.kill()

    def end(self) -> None:
        """Stop waiting, a second after the program has ended: a child of its own may hold the pipe."""
        self.join(LINGER_S)


def parsed(printed: bytes, why: str) -> dict[str, Any]:
    try:
        answer = json.loads(printed)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NoCredentials(f"{why} printed no JSON object")
    return answer


def from_answer(answer: dict[str, Any], why: str, now: float) -> Credentials:
    """Return the credentials of a program's answer.

    Raises:
        NoCredentials: it is of another version, lacks a part, or has expired.
    """
    if answer.get("Version") != VERSION:
        told = one_line(json.dumps(answer.get("Version", "none")), 40)
        raise NoCredentials(f"{why} answered with version {told}: only {VERSION} is known")
    for name in ("AccessKeyId", "SecretAccessKey"):
        if not isinstance(answer.get(name), str) or not answer[name]:
            raise NoCredentials(f"{why} answered without {name}")
    token, ends = answer.get("SessionToken"), answer.get("Expiration")
    if token is not None and not isinstance(token, str):
        raise NoCredentials(f"{why} answered with a SessionToken that is no text")
    expires_at = None
    if ends is not None:
        expires_at = cache.moment(ends)
        if expires_at is None:
            raise NoCredentials(f"{why} answered with an Expiration that is no time of ISO 8601")
        if expires_at <= now:
            raise NoCredentials(
                f"{why} answered with credentials that expired at {cache.written(expires_at)}"
            )
    return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], token or None, expires_at, why)
