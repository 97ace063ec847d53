"""What a client asks of upload-pack over HTTP: ls-refs to be answered here, or a fetch for git.

Of a fetch only as much is understood as tells two equal ones apart from two different ones.

Sources: gitprotocol-v2(5); gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-capabilities(5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.core.names import ObjectId, is_object_id
from moorage.git.pkt_line import DELIM, FLUSH, Marker, PktReader, text_of

MAX_PACKETS: Final = 400_000  # wants and haves of one request, each some hundred bytes of memory
MAX_FILTER_BYTES: Final = 4096  # of all filters of a request: git's time grows with the square of them
_MAX_PREFIXES: Final = 65_536  # with more, git lists everything

# They name the client, not what it wants: two clients get the same bytes.
_IRRELEVANT: Final = (b"agent=", b"session-id=", b"server-option=")

# What these ask for depends on where refs are at the moment.
_DEPENDS_ON_REFS: Final = (b"deepen-not ", b"want-ref ")


@dataclass(frozen=True)
class LsRefsRequest:
    """Protocol 2's `ls-refs`. Without prefixes, every ref is asked for."""

    peel: bool = False
    symrefs: bool = False
    unborn: bool = False
    prefixes: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class FetchRequest:
    """A fetch, to be answered by git.

    `cache_key` is equal for fetches that the same bytes answer, now and later; None where an
    answer kept would be wrong later: while the client still negotiates, and where it names refs.
    """

    wants: tuple[ObjectId, ...] = ()
    haves: tuple[ObjectId, ...] = ()
    done: bool = False
    shallow: bool = False  # the client asks for, or has, only a part of the history
    cache_key: str | None = None

    @property
    def is_clone(self) -> bool:
        """Whether the client has nothing yet."""
        return bool(self.wants) and not self.haves


def parse(body: bytes, *, version: int) -> LsRefsRequest | FetchRequest:
    """Read the (inflated) body of a POST to git-upload-pack in protocol 0, 1 or 2.

    A body that asks for nothing is a FetchRequest without wants. Raises Fault where the body
    makes no sense.
    """
    reader = PktReader(MAX_PACKETS)
    packets = reader.feed(body)
    reader.finish()
    if not any(packet is not FLUSH for packet in packets):
        return FetchRequest()
    return _parse_v2(packets) if version == 2 else _parse_v0(packets, version)


def _parse_v2(packets: Sequence[bytes]) -> LsRefsRequest | FetchRequest:
    end = next((at for at, packet in enumerate(packets) if packet is FLUSH), None)
    if end != len(packets) - 1:
        raise Fault(VALIDATION_ERROR, "A request holds one command and ends with a flush packet.")
    middle = next((at for at, packet in enumerate(packets) if packet is DELIM), end)
    arguments = packets[middle + 1 : end]
    if any(isinstance(packet, Marker) for packet in [*packets[:middle], *arguments]):
        raise Fault(VALIDATION_ERROR, "A request holds an unexpected special packet.")
    command = _command([text_of(packet) for packet in packets[:middle]])
    lines = [text_of(packet) for packet in arguments]
    if command == b"ls-refs":
        return _ls_refs(lines)
    if command == b"fetch":
        return _fetch(lines, lines, version=2)
    raise Fault(VALIDATION_ERROR, "The request names neither the command ls-refs nor fetch.")


def _command(lines: Iterable[bytes]) -> bytes:
    commands = []
    for line in lines:
        key, _, value = line.partition(b"=")
        if key == b"command":
            commands.append(value)
        elif key == b"object-format":
            _require_sha1(value)
    if len(commands) != 1:
        raise Fault(VALIDATION_ERROR, "The request does not name exactly one command.")
    return commands[0]


def _require_sha1(object_format: bytes) -> None:
    if object_format != b"sha1":
        raise Fault(VALIDATION_ERROR, "Only the object format sha1 is supported.")


def _ls_refs(lines: Sequence[bytes]) -> LsRefsRequest:
    prefixes = [line.removeprefix(b"ref-prefix ") for line in lines if line.startswith(b"ref-prefix ")]
    flags = {line for line in lines if not line.startswith(b"ref-prefix ")}
    if unknown := flags - {b"peel", b"symrefs", b"unborn"}:
        told = min(unknown)[:100].decode(errors="replace")
        raise Fault(VALIDATION_ERROR, f"ls-refs does not know the argument {told!a}.")
    return LsRefsRequest(
        peel=b"peel" in flags,
        symrefs=b"symrefs" in flags,
        unborn=b"unborn" in flags,
        prefixes=tuple(prefixes) if len(prefixes) < _MAX_PREFIXES else (),
    )


def _parse_v0(packets: Sequence[bytes], version: int) -> FetchRequest:
    """Read wants with the capabilities on the first, then haves: flushes between them say nothing."""
    kept = [packet for packet in packets if packet is not FLUSH]
    if any(isinstance(packet, Marker) for packet in kept):
        raise Fault(VALIDATION_ERROR, "A request holds an unexpected special packet.")
    lines = [text_of(packet) for packet in kept]
    parts = lines[0].split(b" ")
    if len(parts) < 2 or parts[0] != b"want":
        raise Fault(VALIDATION_ERROR, "A fetch does not start with the object it wants.")
    capabilities = [word for word in parts[2:] if word]
    for word in capabilities:
        if word.startswith(b"object-format="):
            _require_sha1(word.partition(b"=")[2])
    lines[0] = b" ".join(parts[:2])
    return _fetch(lines, [*lines, *(b"capability " + word for word in capabilities)], version=version)


def _fetch(lines: Sequence[bytes], telling: Iterable[bytes], *, version: int) -> FetchRequest:
    """Build the request from its lines; `telling` are those that make a difference to the answer."""
    _require_short_filters(lines)
    wants, haves = _ids(b"want ", lines), _ids(b"have ", lines)
    shallows = _ids(b"shallow ", lines)
    done = b"done" in lines
    negotiates = not done and (version != 2 or bool(haves) or b"wait-for-done" in lines)
    follows_refs = any(line.startswith(_DEPENDS_ON_REFS) for line in lines)
    cacheable = bool(wants) and not negotiates and not follows_refs
    return FetchRequest(
        wants=wants,
        haves=haves,
        done=done,
        shallow=bool(shallows) or any(line.startswith(b"deepen") for line in lines),
        cache_key=_key(telling, version) if cacheable else None,
    )


def _require_short_filters(lines: Iterable[bytes]) -> None:
    size = sum(len(line) for line in lines if line.startswith(b"filter "))
    if size > MAX_FILTER_BYTES:
        raise Fault(VALIDATION_ERROR, f"The filter has {size} bytes; {MAX_FILTER_BYTES} are allowed.")


def _ids(word: bytes, lines: Iterable[bytes]) -> tuple[ObjectId, ...]:
    found = []
    for line in lines:
        if line.startswith(word):
            name = line.removeprefix(word).decode("ascii", errors="replace")
            if not is_object_id(name):
                told = word.decode().strip()
                raise Fault(
                    VALIDATION_ERROR, f"A {told} line holds something else than a 40-digit object id."
                )
            found.append(ObjectId(name))
    return tuple(found)


def _key(lines: Iterable[bytes], version: int) -> str:
    """Hash the lines without order, repeats and those that only name the client."""
    relevant = sorted({line for line in lines if not _names_client(line)})
    digest = hashlib.sha256(b"%d" % version)
    for line in relevant:
        digest.update(b"\n%d:" % len(line))
        digest.update(line)
    return digest.hexdigest()


def _names_client(line: bytes) -> bool:
    return line.removeprefix(b"capability ").startswith(_IRRELEVANT)
