"""Secrets that are planted into a service, and the search for them where none may be."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import process_tree

_EVERY_SECONDS = 0.002
_SHORTEST = 8


def spellings(secret: bytes) -> set[bytes]:
    """The ways a secret may stand somewhere: itself, percent-encoded, in base64, base32 or hex."""
    found = {
        secret,
        quote(secret, safe="").encode(),
        quote(secret).encode(),
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b32encode(secret).rstrip(b"="),
    }
    for before in (b"", b"x", b"xx"):  # base64 depends on how many bytes stand before
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(before + secret).rstrip(b"=")
            # The first and the last letters stand for neighbours too.
            found.add(text[len(before) + (1 if before else 0) : -1 if len(before + secret) % 3 else None])
    return {spelling for spelling in found if len(spelling) >= _SHORTEST}


@dataclass
class Canaries:
    """What was planted, by what it is called in the message of a failed test."""

    planted: dict[str, bytes] = field(default_factory=dict)

    def plant(self, name: str, secret: str | bytes) -> None:
        """Remember a secret. Each is looked for from now on."""
        content = secret.encode() if isinstance(secret, str) else secret
        assert len(content) >= _SHORTEST, "too short to be told from chance"
        self.planted[name] = content

    def seen_in(self, content: bytes) -> set[str]:
        """The names of the secrets that stand in a content, in any spelling."""
        return {
            name
            for name, secret in self.planted.items()
            if any(spelling in content for spelling in spellings(secret))
        }

    def seen_in_files(self, files: Iterable[Path]) -> dict[str, set[str]]:
        """Which secrets stand in which files."""
        found = {str(path): self.seen_in(path.read_bytes()) for path in files}
        return {path: names for path, names in found.items() if names}


@dataclass
class Told:
    """What the processes of a service showed to everybody on the machine, and to their children."""

    programs: set[str] = field(default_factory=set)
    arguments: set[bytes] = field(default_factory=set)
    environments: set[bytes] = field(default_factory=set)  # of the children, not of the service itself


@contextmanager
def listening(root: int) -> Iterator[Told]:
    """Read the arguments of a process and all its descendants, again and again, until the block ends."""
    told, stop = Told(), threading.Event()

    def listen() -> None:
        own = Path(f"/proc/{root}/exe").resolve()
        while not stop.is_set():
            for process in process_tree.tree(root):
                with contextlib.suppress(OSError):  # it ended meanwhile
                    folder = Path(f"/proc/{process.pid}")
                    told.arguments.add((folder / "cmdline").read_bytes())
                    if (folder / "exe").resolve() != own:
                        told.programs.add(process.command)
                        told.environments.add((folder / "environ").read_bytes())
            time.sleep(_EVERY_SECONDS)  # children live for milliseconds, and nobody announces them

    thread = threading.Thread(target=listen, name="canaries")
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join()
