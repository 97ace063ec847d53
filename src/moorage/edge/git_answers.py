"""How the Git door says no, so that git shows the reason and heals itself where it can.

| | no or bad credentials | may not, or cannot |
|---|---|---|
| GET info/refs | 401, reason as text | 403 (404, 503 …), reason as text |
| POST of a fetch | 401 | 200 with an ERR packet: git drops the body of an error status |
| POST of a push | 401 | 200 with side-band text and a report: the same |

Source: git 1.7.9, 2.39 and 2.55, as measured (design.md section 4).
"""

from __future__ import annotations

from starlette.responses import Response

from moorage.core.faults import Fault
from moorage.edge import git_refusals
from moorage.edge.git_refusals import reason_of, request_line

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


def status_of(fault: Fault) -> int:
    """Return the HTTP status a fault has on the Git door."""
    if fault.code in _STATUSES:
        return _STATUSES[fault.code]
    return 403 if fault.status == 400 else fault.status


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
    packet = git_refusals.fetch_refusal(fault, request_id)
    return answer(packet, "git-upload-pack", "result", refused=request_id)
