"""How both Git doors say no in git's own packets, so that git shows the reason to the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moorage.core.faults import Fault
from moorage.git import pkt_line, receive_pack, side_band
from moorage.git.receive_pack import PushRequest, RefResult

REASON_CHARACTERS = 4000  # well below what an ERR packet holds, at four bytes each


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """A push's report; `refused` is the request's id where any ref was refused.

    `brings_pack`: the client sends a pack, of which there may be more to come.
    """

    content: bytes
    refused: str = ""
    brings_pack: bool = False


def reason_of(fault: Fault) -> str:
    """Return the fullest reason the caller may know: with the statement that decided.

    It may repeat what the caller sent, and terminals print it: no control characters, not endless.
    """
    return side_band.clean(str(fault.detail.get("why", fault.message))[:REASON_CHARACTERS])


def request_line(request_id: str) -> str:
    """Return what an administrator can ask `moorage why` about."""
    return f"request id: {request_id}"


def error_packet(text: str) -> bytes:
    """Return an ERR packet: git prints it as `fatal: remote error: …`."""
    return pkt_line.encode(f"ERR {text}\n".encode())


def fetch_refusal(fault: Fault, request_id: str) -> bytes:
    """Return the packet that ends a fetch with a reason."""
    return error_packet(f"{reason_of(fault)} ({request_line(request_id)})")


def push_refusal(fault: Fault, request: PushRequest, request_id: str) -> PushAnswer:
    """Return a report in which the whole push failed, with the reason for people beside it."""
    reason = reason_of(fault)
    results = [RefResult(update.name, "the push was refused") for update in request.updates]
    return push_report(results, request, unpack=reason, messages=[reason], refused=request_id)


def push_report(
    results: Sequence[RefResult],
    request: PushRequest,
    *,
    unpack: str = "ok",
    messages: Sequence[str] = (),
    refused: str = "",
) -> PushAnswer:
    """Return what became of each ref. `refused` is the request's id where any was refused."""
    told = [*messages, request_line(refused)] if refused else messages
    report = receive_pack.report_status(results, request.capabilities, unpack=unpack, messages=told)
    return PushAnswer(report, refused, request.brings_pack)
