"""What a push says before its pack, and what it is told after.

Source: gitprotocol-pack(5), "Reference Update Request" and "Report Status".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from moorage.core.faults import VALIDATION_ERROR, Fault
from moorage.core.names import ZERO_ID, ObjectId, is_object_id
from moorage.git import side_band
from moorage.git.pkt_line import FLUSH, MAX_DATA_BYTES, Chunks, Marker, encode, encode_text, text_of

MAX_REF_UPDATES: Final = 4000  # CodeCommit's quota: creations, updates and deletions in one push
FRIENDLY_REF_UPDATES: Final = 20_000  # what is allowed where parity with AWS is not asked for
_MAX_REFS_READ: Final = 25_000  # beyond the quota, read on to answer for each ref; beyond this, hang up
_MAX_SHALLOW_LINES: Final = 100_000
MAX_COMMAND_BYTES: Final = 16 << 20  # 20,000 refs with names of 700 bytes; held in memory


@dataclass(frozen=True)
class RefUpdate:
    """One command of a push. `name` is as sent: `ref_names.require_pushable` judges it."""

    name: bytes
    old: ObjectId
    new: ObjectId

    @property
    def creates(self) -> bool:
        return self.old == ZERO_ID

    @property
    def deletes(self) -> bool:
        return self.new == ZERO_ID


@dataclass(frozen=True)
class PushRequest:
    """The commands of a push. Without any, it is a client's probe (`0000`) and gets an empty answer."""

    updates: tuple[RefUpdate, ...] = ()
    capabilities: Mapping[str, str] = field(default_factory=dict)  # name -> value, "" without one
    shallow: tuple[ObjectId, ...] = ()  # where the pusher's history ends

    @property
    def atomic(self) -> bool:
        return "atomic" in self.capabilities

    @property
    def brings_pack(self) -> bool:
        """Whether a pack follows: with deletions alone, none does."""
        return any(not update.deletes for update in self.updates)


class PushRefused(Fault):
    """The whole push is refused before its pack is looked at; `request` is what a report can name."""

    def __init__(self, message: str, request: PushRequest) -> None:
        super().__init__(VALIDATION_ERROR, message)
        self.request = request


@dataclass(frozen=True)
class RefResult:
    """What became of one ref: `reason` is None where it moved, else why it did not."""

    name: bytes
    reason: str | None = None


def parse_commands(reader: Chunks, max_updates: int = MAX_REF_UPDATES) -> PushRequest:
    """Read the commands up to their flush; the pack, if any, is then `reader.remaining()`.

    Raises Fault where the bytes make no sense, PushRefused where they do but ask for too much:
    more than `max_updates` refs, one ref twice, a push certificate, another object format.
    """
    updates: list[RefUpdate] = []
    shallow: list[ObjectId] = []
    capabilities: dict[str, str] | None = None
    size = 0
    while (packet := reader.read_packet()) is not FLUSH:
        size += len(packet or b"")
        if size > MAX_COMMAND_BYTES:
            raise Fault(
                VALIDATION_ERROR, f"The commands of the push have more than {MAX_COMMAND_BYTES} bytes."
            )
        line, capabilities = _split_capabilities(packet, capabilities)
        if line.startswith(b"shallow "):
            shallow.append(_object_id(line.removeprefix(b"shallow ")))
        elif line.startswith(b"push-cert"):
            raise Fault(VALIDATION_ERROR, "Push certificates are not accepted.")
        else:
            updates.append(_update(line))
        if len(updates) > _MAX_REFS_READ or len(shallow) > _MAX_SHALLOW_LINES:
            raise Fault(VALIDATION_ERROR, _too_many(max_updates))
    request = PushRequest(tuple(updates), capabilities or {}, tuple(shallow))
    _require_acceptable(request, max_updates)
    return request


def _split_capabilities(
    packet: bytes | None, known: dict[str, str] | None
) -> tuple[bytes, dict[str, str] | None]:
    """Return a command's line and the capabilities, which follow a NUL on the first line that has one."""
    if packet is None:
        raise Fault(VALIDATION_ERROR, "The push ends before its commands do.")
    if isinstance(packet, Marker):
        raise Fault(VALIDATION_ERROR, "A push holds only commands and a flush packet.")
    line, separator, rest = packet.partition(b"\0")
    if not separator:
        return text_of(line), known
    if known is not None:
        return text_of(line), known  # Git takes them once
    words = text_of(rest).decode(errors="replace").split()
    pairs = (word.partition("=") for word in words)
    return text_of(line), {name: value for name, _, value in pairs}


def _update(line: bytes) -> RefUpdate:
    parts = line.split(b" ", 2)
    if len(parts) != 3 or not parts[2]:
        raise Fault(VALIDATION_ERROR, "A push command is not `old-id new-id ref-name`.", line=line[:200])
    update = RefUpdate(name=parts[2], old=_object_id(parts[0]), new=_object_id(parts[1]))
    if update.creates and update.deletes:
        raise Fault(VALIDATION_ERROR, "A push command neither creates, moves nor deletes its ref.")
    return update


def _object_id(raw: bytes) -> ObjectId:
    text = raw.decode("ascii", errors="replace")
    if not is_object_id(text):
        raise Fault(VALIDATION_ERROR, "A push command holds something else than a 40-digit object id.")
    return ObjectId(text)


def _too_many(max_updates: int) -> str:
    return f"Too many reference update commands: a push may change at most {max_updates} refs."


def _require_acceptable(request: PushRequest, max_updates: int) -> None:
    if len(request.updates) > max_updates:
        raise PushRefused(_too_many(max_updates), request)
    if request.capabilities.get("object-format", "sha1") != "sha1":
        raise PushRefused("Only the object format sha1 is supported.", request)
    seen: set[bytes] = set()
    for update in request.updates:
        if update.name in seen:
            name = update.name.decode(errors="replace")
            raise PushRefused(f"The push names {name} more than once.", request)
        seen.add(update.name)


def report_status(
    results: Sequence[RefResult],
    capabilities: Iterable[str],
    *,
    unpack: str = "ok",
    messages: Iterable[str] = (),
) -> bytes:
    """Return the answer to a push, whole.

    `unpack` is "ok" or why the pack was not taken. `messages` are for people and need
    side-band-64k. A client that asked for no report gets none. report-status-v2 differs only by
    option lines for refs that a server renames, which this one never does.
    """
    asked = set(capabilities)
    wants_report = bool(asked & {"report-status", "report-status-v2"})
    report = _report(results, unpack) if wants_report else b""
    if "side-band-64k" not in asked:
        return report
    told = b"".join(side_band.message(text) for text in messages)
    return told + b"".join(side_band.frames(side_band.DATA, report)) + FLUSH


def _report(results: Sequence[RefResult], unpack: str) -> bytes:
    packets = [encode_text(f"unpack {_reason(unpack)}")]
    for result in results:
        if result.reason is None:
            packets.append(encode(b"ok %b\n" % result.name))
        else:
            room = MAX_DATA_BYTES - len(b"ng  \n") - len(result.name)
            reason = _reason(result.reason).encode(errors="replace")[:room]
            packets.append(encode(b"ng %b %b\n" % (result.name, reason)))
    return b"".join([*packets, FLUSH])


def _reason(text: str) -> str:
    return side_band.clean_line(text)[:1000] or "refused"
