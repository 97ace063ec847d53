"""How the Git door says no, so that git shows the reason and heals itself where it can.

| | no or bad credentials | may not, or cannot |
|---|---|---|
| GET info/refs | 401, reason as text | 403 (404, 503 …), reason as text |
| POST of a fetch | 401 | 200 with an ERR packet: git drops the body of an error status |
| POST of a push | 401 | 200 with side-band text and a report: the same |

Source: git 1.7.9, 2.39 and 2.55, as measured (design.md section 4).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from moorage.core.faults import Fault
from moorage.git import pkt_line, receive_pack, side_band
from moorage.git.receive_pack import PushRequest, RefResult

_NO_CACHE = {
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
}

# What the faults of the AWS model mean on the Git door, where they are not 403 (service.md section 6).
_STATUSES = {
    "RepositoryDoesNotExistException": 404,
    "EncryptionKeyUnavailableException": 503,
    "EncryptionIntegrityChecksFailedException": 500,
}

RETRY_AFTER_S = 5
REASON_CHARACTERS = 4000  # well below what an ERR packet holds, at four bytes each


def status_of(fault: Fault) -> int:
    """Return the HTTP status a fault has on the Git door."""
    if fault.code in _STATUSES:
        return _STATUSES[fault.code]
    return 403 if fault.status == 400 else fault.status


def reason_of(fault: Fault) -> str:
    """Return the fullest reason the caller may know: with the statement that decided.

    It may repeat what the caller sent, and terminals print it: no control characters, not endless.
    """
    return side_band.clean(str(fault.detail.get("why", fault.message))[:REASON_CHARACTERS])


def request_line(request_id: str) -> str:
    """Return what an administrator can ask `moorage why` about."""
    return f"request id: {request_id}"


def answer(content: bytes, service: str, part: str, *, refused: str = "") -> Response:
    """Return git's own kind of answer: `part` is `advertisement` or `result`.

    `refused` is the request's id where the answer is a refusal.
    """
    headers = {**_NO_CACHE, **({"x-amzn-RequestId": refused} if refused else {})}
    return Response(content, media_type=f"application/x-{service}-{part}", headers=headers)


def streamed_headers(service: str) -> dict[str, str]:
    """Return the headers of an answer whose length is not known."""
    return {**_NO_CACHE, "Content-Type": f"application/x-{service}-result"}


def refusal(fault: Fault, request_id: str, *, bare: bool = False) -> Response:
    """Return an error status with the reason as text, which git prints behind `remote: `.

    `bare` leaves the reason out, as AWS does.
    """
    status = status_of(fault)
    headers = {**_NO_CACHE, "x-amzn-RequestId": request_id}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="moorage"'
    if status == 405:
        headers["Allow"] = str(fault.detail["allow"])
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    text = "" if bare else f"{reason_of(fault)}\n{request_line(request_id)}\n"
    return Response(text, status_code=status, media_type="text/plain; charset=utf-8", headers=headers)


def fetch_refusal(fault: Fault, request_id: str) -> Response:
    """Return an ERR packet: git prints it as `fatal: remote error: …`."""
    packet = pkt_line.encode(f"ERR {reason_of(fault)} ({request_line(request_id)})\n".encode())
    return answer(packet, "git-upload-pack", "result", refused=request_id)


def push_refusal(fault: Fault, request: PushRequest, request_id: str) -> Response:
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
) -> Response:
    """Return what became of each ref. `refused` is the request's id where any was refused."""
    told = [*messages, request_line(refused)] if refused else messages
    report = receive_pack.report_status(results, request.capabilities, unpack=unpack, messages=told)
    return answer(report, "git-receive-pack", "result", refused=refused)
