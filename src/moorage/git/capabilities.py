"""What the Git door says it can: upload-pack's list as the installed git has it, receive-pack's our own.

Fetches are served by the installed git, so what they may ask is what it understands. It is asked
once, at start-up, in a scratch repository, with the very configuration that fetches get.
"""

from __future__ import annotations

import tempfile
import zlib
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Final

from moorage import __version__
from moorage.core.faults import unavailable
from moorage.git import commands
from moorage.git.pkt_line import FLUSH, Marker, PktReader, text_of
from moorage.git.quarantine_folders import make_bare

# Known to git, yet not offered: session ids would make every answer differ, bundle lists name
# places outside, and object-info is answered by nobody here.
_DENIED: Final = frozenset({b"session-id", b"bundle-uri", b"object-info"})

_AGENT: Final = b"agent=git/moorage-" + __version__.encode()
_SYMREF: Final = b"symref=HEAD:refs/heads/main"

_RECEIVE_PACK: Final = (
    b"report-status",
    b"report-status-v2",
    b"delete-refs",
    b"side-band-64k",
    b"quiet",
    b"atomic",
    b"ofs-delta",
    b"object-format=sha1",
    _AGENT,
)


@dataclass(frozen=True)
class Capabilities:
    """The lists, ready to be sent.

    `upload_pack` is protocol 0's, split where the symref of HEAD stands (" symref=…" goes between
    the halves); `v2` has one line for each. `names_none` tells whether git advertises
    `capabilities^{}` for a repository without refs, as newer ones do.
    """

    upload_pack: tuple[bytes, bytes]
    v2: tuple[bytes, ...]
    names_none: bool
    receive_pack: bytes = b" ".join(_RECEIVE_PACK)

    def upload_pack_with(self, symref: bytes) -> bytes:
        """Return protocol 0's list; `symref` is empty or " symref=HEAD:NAME"."""
        before, after = self.upload_pack
        return before + symref + after


def of_installed_git() -> Capabilities:
    """Ask the installed git. Takes a few milliseconds; raises Fault when there is no usable git."""
    with tempfile.TemporaryDirectory(prefix="moorage-") as folder:
        repository = Path(folder) / "scratch.git"
        make_bare(repository)
        empty = _advertised(repository, protocol=None)
        _commit_to(repository)
        first = _advertised(repository, protocol=None)[0]
        version_2 = _advertised(repository, protocol="version=2")
    words = [_ours(word) for word in first.partition(b"\0")[2].split() if _offered(word)]
    at = words.index(_SYMREF)
    return Capabilities(
        upload_pack=(b" ".join(words[:at]), b" " + b" ".join(words[at + 1 :])),
        v2=tuple(line for line in map(_ours, version_2[1:]) if _offered(line)),
        names_none=bool(empty),
    )


def _offered(word: bytes) -> bool:
    return word.partition(b"=")[0] not in _DENIED


def _ours(word: bytes) -> bytes:
    return _AGENT if word.startswith(b"agent=") else word


def _advertised(repository: Path, protocol: str | None) -> list[bytes]:
    finished = commands.run(
        "upload-pack",
        "--stateless-rpc",
        "--http-backend-info-refs",
        operands=["."],
        at=repository,
        protocol=protocol,
    )
    if not finished.ok:
        raise unavailable("The installed git cannot serve fetches.", git_stderr=finished.stderr)
    packets = PktReader().feed(finished.stdout)
    assert packets[-1] is FLUSH
    return [text_of(packet) for packet in packets if not isinstance(packet, Marker)]


def _commit_to(repository: Path) -> None:
    """Give the scratch repository one commit on main, so that HEAD has something to show."""
    identity = "moorage <moorage@localhost> 0 +0000"
    tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the empty one, which git knows by heart
    text = f"tree {tree}\nauthor {identity}\ncommitter {identity}\n\nScratch.\n".encode()
    content = b"commit %d\0%b" % (len(text), text)
    name = sha1(content, usedforsecurity=False).hexdigest()
    loose = repository / "objects" / name[:2] / name[2:]
    loose.parent.mkdir()
    loose.write_bytes(zlib.compress(content))
    (repository / "refs" / "heads").mkdir()
    (repository / "refs" / "heads" / "main").write_text(f"{name}\n")
