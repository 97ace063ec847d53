"""Advertisements and ls-refs, rendered from a snapshot of the refs without starting git.

Byte for byte what `git upload-pack` would send: tests compare the two. What is rendered is kept
with the snapshot, so that the next reader of the same refs costs one copy.

Sources: gitprotocol-pack(5), "Reference Discovery"; gitprotocol-v2(5), "ls-refs";
gitprotocol-http(5) for the service line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.pkt_line import FLUSH, encode
from moorage.git.ref_names import RESERVED

if TYPE_CHECKING:
    from moorage.git.capabilities import Capabilities
    from moorage.git.fetch_request import LsRefsRequest


@dataclass(frozen=True, slots=True)
class Ref:
    """A ref; `peeled_id` is where an annotated tag ends, peeled all the way, and None for the rest."""

    name: bytes
    object_id: ObjectId
    peeled_id: ObjectId | None = None


@dataclass(frozen=True)
class RefSnapshot:
    """All refs of a repository at one moment, sorted by name (bytes), and the branch HEAD names.

    `head` is that branch's full name; while no such branch exists, HEAD is unborn. Immutable:
    nobody changes `refs` after it was given.
    """

    refs: Sequence[Ref]
    head: bytes

    @cached_property
    def names(self) -> list[bytes]:
        """The names of the refs that are shown, sorted."""
        return [ref.name for ref in self._shown]

    @cached_property
    def head_id(self) -> ObjectId | None:
        """What HEAD resolves to, or None while it is unborn."""
        at = bisect_left(self.names, self.head)
        if at < len(self.names) and self.names[at] == self.head:
            return self._shown[at].object_id
        return None

    @property
    def _shown(self) -> Sequence[Ref]:
        """The refs without moorage's own, which are next to each other."""
        start = bisect_left(self.refs, RESERVED, key=_name)
        end = bisect_left(self.refs, _after(RESERVED), key=_name)
        return self.refs if start == end else [*self.refs[:start], *self.refs[end:]]

    @cached_property
    def plain_lines(self) -> _Lines:
        """One v2 packet for each ref."""
        return _Lines(_v2_line(ref, b"") for ref in self._shown)

    @cached_property
    def peeled_lines(self) -> _Lines:
        """The same with what tags point to."""
        return _Lines(
            _v2_line(ref, b" peeled:%b" % ref.peeled_id.encode() if ref.peeled_id else b"")
            for ref in self._shown
        )

    @cached_property
    def upload_pack_lines(self) -> tuple[bytes, bytes]:
        """The v0 lines of upload-pack: the first one bare, for its capabilities, and the packets after."""
        lines = [b"%b HEAD" % self.head_id.encode()] if self.head_id else []
        for ref in self._shown:
            lines.append(b"%b %b" % (ref.object_id.encode(), ref.name))
            if ref.peeled_id:
                lines.append(b"%b %b^{}" % (ref.peeled_id.encode(), ref.name))
        return _first_and_rest(lines)

    @cached_property
    def receive_pack_lines(self) -> tuple[bytes, bytes]:
        """The same for receive-pack, which tells neither HEAD nor what tags point to."""
        return _first_and_rest([b"%b %b" % (ref.object_id.encode(), ref.name) for ref in self._shown])


class _Lines:
    """Packets in one piece, of which any run can be cut out."""

    def __init__(self, packets: Iterable[bytes]) -> None:
        pieces = list(packets)
        self._offsets = [0, *accumulate(map(len, pieces))]
        self._bytes = b"".join(pieces)

    def all(self) -> bytes:
        return self._bytes

    def run(self, start: int, end: int) -> bytes:
        return self._bytes[self._offsets[start] : self._offsets[end]]


def _name(ref: Ref) -> bytes:
    return ref.name


def _v2_line(ref: Ref, attributes: bytes) -> bytes:
    return encode(b"%b %b%b\n" % (ref.object_id.encode(), ref.name, attributes))


def _first_and_rest(lines: list[bytes]) -> tuple[bytes, bytes]:
    if not lines:
        return b"", b""
    return lines[0], b"".join(encode(line + b"\n") for line in lines[1:])


_UPLOAD_PACK: Final = b"git-upload-pack"
_RECEIVE_PACK: Final = b"git-receive-pack"


def upload_pack(
    snapshot: RefSnapshot, capabilities: Capabilities, *, version: int = 0, service_line: bool = True
) -> bytes:
    """Return upload-pack's advertisement in protocol 0 or 1; the service line is HTTP's."""
    symref = b" symref=HEAD:" + snapshot.head if snapshot.head_id else b""
    first, rest = snapshot.upload_pack_lines
    if not first and not capabilities.names_none:
        return b"".join([_opening(_UPLOAD_PACK, version, service_line=service_line), FLUSH])
    return b"".join(
        [
            _opening(_UPLOAD_PACK, version, service_line=service_line),
            _with_capabilities(first, capabilities.upload_pack_with(symref)),
            rest,
            FLUSH,
        ]
    )


def receive_pack(
    snapshot: RefSnapshot, capabilities: Capabilities, *, version: int = 0, service_line: bool = True
) -> bytes:
    """Return receive-pack's advertisement in protocol 0 or 1 (there is no 2)."""
    first, rest = snapshot.receive_pack_lines
    return b"".join(
        [
            _opening(_RECEIVE_PACK, version, service_line=service_line),
            _with_capabilities(first, capabilities.receive_pack),
            rest,
            FLUSH,
        ]
    )


def upload_pack_v2(capabilities: Capabilities) -> bytes:
    """Return the capabilities of protocol 2, in which refs are asked for separately."""
    return b"".join([encode(b"version 2\n"), *(encode(line + b"\n") for line in capabilities.v2), FLUSH])


def _opening(service: bytes, version: int, *, service_line: bool) -> bytes:
    opening = [encode(b"# service=%b\n" % service), FLUSH] if service_line else []
    if version == 1:
        opening.append(encode(b"version 1\n"))
    return b"".join(opening)


def _with_capabilities(line: bytes, capabilities: bytes) -> bytes:
    line = line or b"%b capabilities^{}" % ZERO_ID.encode()
    return encode(b"%b\0%b\n" % (line, capabilities))


def ls_refs(snapshot: RefSnapshot, request: LsRefsRequest) -> bytes:
    """Return the answer to protocol 2's `ls-refs`."""
    lines = snapshot.peeled_lines if request.peel else snapshot.plain_lines
    if not request.prefixes:
        return b"".join([_head(snapshot, request), lines.all(), FLUSH])
    head = _head(snapshot, request) if b"HEAD".startswith(tuple(request.prefixes)) else b""
    runs = _runs(snapshot.names, request.prefixes)
    return b"".join([head, *(lines.run(start, end) for start, end in runs), FLUSH])


def _head(snapshot: RefSnapshot, request: LsRefsRequest) -> bytes:
    target = b" symref-target:%b" % snapshot.head if request.symrefs else b""
    if snapshot.head_id:
        return encode(b"%b HEAD%b\n" % (snapshot.head_id.encode(), target))
    return encode(b"unborn HEAD%b\n" % target) if request.unborn and request.symrefs else b""


def _runs(names: Sequence[bytes], prefixes: Iterable[bytes]) -> list[tuple[int, int]]:
    """Return the runs of names that start with any of the prefixes, in order, each name once."""
    runs: list[tuple[int, int]] = []
    for prefix in sorted(set(prefixes)):
        start = bisect_left(names, prefix)
        end = bisect_left(names, _after(prefix)) if prefix.strip(b"\xff") else len(names)
        start = max(start, runs[-1][1] if runs else 0)
        if start < end:
            runs.append((start, end))
    return runs


def _after(prefix: bytes) -> bytes:
    """Return the first name that sorts behind all names with that prefix."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])
