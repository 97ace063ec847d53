"""An answer on its way out, and how the refusals every service knows are named."""

from __future__ import annotations

from typing import NamedTuple

from moorage.core import faults
from moorage.core.faults import Fault

# Seconds after which a refused caller may ask again.
RETRY_AFTER_SECONDS = 1
_RETRY_STATUSES = frozenset({429, 503})


class Answer(NamedTuple):
    """Status, headers and body of a response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Wording(NamedTuple):
    """How a protocol names a refusal; `status` None means the fault's own."""

    code: str
    status: int | None


# Source: the services' "Common errors" pages; statuses as AWS sends them.
JSON_WORDING = {
    faults.ACCESS_DENIED: Wording("AccessDeniedException", 400),
    faults.EXPIRED_TOKEN: Wording("ExpiredTokenException", 400),
    faults.INCOMPLETE_SIGNATURE: Wording("IncompleteSignatureException", 400),
    faults.INTERNAL_FAILURE: Wording("InternalFailure", 500),
    faults.INVALID_ACTION: Wording("UnknownOperationException", 400),
    faults.INVALID_CLIENT_TOKEN_ID: Wording("UnrecognizedClientException", 400),
    faults.MISSING_AUTHENTICATION_TOKEN: Wording("MissingAuthenticationTokenException", 400),
    faults.SERIALIZATION: Wording("SerializationException", 400),
    faults.SERVICE_UNAVAILABLE: Wording("ServiceUnavailableException", None),
    faults.SIGNATURE_DOES_NOT_MATCH: Wording("InvalidSignatureException", 400),
    faults.THROTTLING: Wording("ThrottlingException", None),
    faults.VALIDATION_ERROR: Wording("ValidationException", 400),
}
QUERY_WORDING = {
    faults.ACCESS_DENIED: Wording("AccessDenied", 403),
    faults.EXPIRED_TOKEN: Wording("ExpiredToken", 403),
    faults.INCOMPLETE_SIGNATURE: Wording("IncompleteSignature", 400),
    faults.INTERNAL_FAILURE: Wording("InternalFailure", 500),
    faults.INVALID_ACTION: Wording("InvalidAction", 400),
    faults.INVALID_CLIENT_TOKEN_ID: Wording("InvalidClientTokenId", 403),
    faults.MISSING_AUTHENTICATION_TOKEN: Wording("MissingAuthenticationToken", 403),
    faults.SERIALIZATION: Wording("MalformedInput", 400),
    faults.SERVICE_UNAVAILABLE: Wording("ServiceUnavailable", None),
    faults.SIGNATURE_DOES_NOT_MATCH: Wording("SignatureDoesNotMatch", 403),
    faults.THROTTLING: Wording("Throttling", None),
    faults.VALIDATION_ERROR: Wording("ValidationError", 400),
}


def headers(content_type: str, request_id: str, status: int = 200) -> list[tuple[str, str]]:
    """Return the headers of every answer; of a busy service's also when to come back."""
    sent = [("Content-Type", content_type), ("x-amzn-RequestId", request_id)]
    if status in _RETRY_STATUSES:
        sent.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
    return sent


def unknown_operation(message: str = "", **detail: object) -> Fault:
    """The refusal of an operation that the model, or moorage, does not have."""
    return Fault(faults.INVALID_ACTION, message, status=400, **detail)
