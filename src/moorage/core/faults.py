"""The one exception that crosses the service boundary."""

from __future__ import annotations

# Refusals that every service knows. The names are those of the Query protocol; `wire` renders
# each as its protocol words it (JSON 1.1 says AccessDeniedException, Query says AccessDenied).
ACCESS_DENIED = "AccessDenied"
EXPIRED_TOKEN = "ExpiredToken"
INCOMPLETE_SIGNATURE = "IncompleteSignature"
INTERNAL_FAILURE = "InternalFailure"
INVALID_ACTION = "InvalidAction"
INVALID_CLIENT_TOKEN_ID = "InvalidClientTokenId"
MISSING_AUTHENTICATION_TOKEN = "MissingAuthenticationToken"
SERIALIZATION = "SerializationException"
SERVICE_UNAVAILABLE = "ServiceUnavailable"
SIGNATURE_DOES_NOT_MATCH = "SignatureDoesNotMatch"
THROTTLING = "Throttling"
VALIDATION_ERROR = "ValidationError"


class Fault(Exception):
    """A refusal the caller is told about, named as the AWS model names it.

    `code` is an error shape of the service's model, or one of the names above. `status` is the
    HTTP status a service without a modelled one answers with. `detail` is for the log only and
    never reaches the caller.
    """

    def __init__(self, code: str, message: str = "", *, status: int = 400, **detail: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.detail = detail


def unavailable(message: str, **detail: object) -> Fault:
    """A refusal that a later retry may cure: a full queue, a busy store (HTTP 503)."""
    return Fault(SERVICE_UNAVAILABLE, message, status=503, **detail)


def throttled(message: str, **detail: object) -> Fault:
    """A refusal because this caller asks for too much at once (HTTP 429)."""
    return Fault(THROTTLING, message, status=429, **detail)
