"""What the audit keeps of Git: a pull once, a push twice, as CloudTrail does.

A pull is several requests over HTTP: a list of refs, rounds of negotiation, the pack. Each is told to the
audit; those before the last are held back, and written only if no pack follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moorage.edge import audited
from moorage.git.fetch_request import FetchRequest
from moorage.git.pkt_line import Marker, PktReader
from moorage.repos.access import PULL, PUSH

if TYPE_CHECKING:
    from moorage.edge.git_visitors import Entered
    from moorage.git.fetch_request import LsRefsRequest
    from moorage.storage.audit_batch import AuditBatch, Conversation

_NAMED = 50  # capabilities of a request that are kept
_NAME = 100  # characters of each
_HEAD = 16_384  # bytes of a request in which its capabilities are


def asked(entered: Entered, capabilities: Iterable[str] = (), *, data: bool, shallow: bool = False) -> None:
    """Note what the records of this request tell beside who asked: CloudTrail's additionalEventData.

    `data`: whether a pack goes either way.
    """
    visitor, row = entered.visitor, entered.access.opened.row
    named = [name[:_NAME] for name, _ in zip(capabilities, range(_NAMED), strict=False)]
    visitor.caller.facts.additional = {
        "protocol": "HTTP" if visitor.request.signed_path else "SSH",
        "capabilities": named,
        "dataTransferred": data,
        "repositoryName": row.name,
        "repositoryId": row.repository_id,
        "shallow": shallow,
    }


def advertised(audit: AuditBatch, entered: Entered) -> None:
    """Tell of the list of refs that a conversation begins with; protocol 2 asks for it later."""
    visitor, arn = entered.visitor, entered.access.opened.row.arn
    asked(entered, data=False)
    if visitor.action == PUSH:
        audit.add(audited.read(visitor.caller, PUSH, [arn], readOnly=True))
    elif visitor.request.protocol != 2:
        audit.hold(_conversation(entered), audited.read(visitor.caller, PULL, [arn]))


def pulled(
    audit: AuditBatch,
    entered: Entered,
    request: FetchRequest | LsRefsRequest,
    body: bytes,
    *,
    whole: bool = False,
) -> None:
    """Tell of a request of a pull: of the one that brings the pack for all.

    `whole`: all that follows, to the pack, is one dialogue.
    """
    arn, caller = entered.access.opened.row.arn, entered.visitor.caller
    fetch = request if isinstance(request, FetchRequest) else FetchRequest()
    last = (whole or fetch.done) and bool(fetch.wants)
    named = capabilities(body, version=entered.visitor.request.protocol)
    asked(entered, named, data=last, shallow=fetch.shallow)
    tell = audit.settle if last else audit.hold
    tell(_conversation(entered), audited.read(caller, PULL, [arn]))


def capabilities(body: bytes, *, version: int) -> list[str]:
    """Return what the client of an upload-pack request says that it can: a request that was parsed."""
    packets = PktReader().feed(body[:_HEAD])
    lines = [b"" if isinstance(packet, Marker) else bytes(packet).rstrip(b"\n") for packet in packets]
    if version != 2:
        words = lines[0].replace(b"\0", b" ").split(b" ")[2:] if lines else []
    else:
        # Arguments of the command that have no value are what protocol 0 calls capabilities.
        words = [line for line in lines if line and b" " not in line and not line.startswith(b"command=")]
    return [word.decode(errors="replace") for word in words if word and word != b"done"]


def _conversation(entered: Entered) -> Conversation:
    visitor, row = entered.visitor, entered.access.opened.row
    caller = visitor.caller
    return caller.principal.arn, row.repository_id, caller.source_ip, caller.user_agent
