"""`clientRequestToken`: a request that is sent again is answered as the first time, and done once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.services.codecommit.names import is_storable
from moorage.storage.request_tokens import Token, TokenKey

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request

# AWS does not publish a limit. SDKs send a UUID of 36 characters.
TOKEN_LIMIT: Final = 128

_MEMBER: Final = "clientRequestToken"


def token_form(request: Request) -> str | None:
    """Check the form of a request's token, for a resource rule; return it, None where none came.

    Raises:
        Fault: ClientRequestTokenRequiredException for an empty one; InvalidClientRequestTokenException.
    """
    token: str | None = request.get(_MEMBER)
    if token is None:
        return None
    if not token:
        raise Fault(
            "ClientRequestTokenRequiredException",
            "clientRequestToken is empty; leave it out, or send a new UUID with each new request",
        )
    if len(token) > TOKEN_LIMIT or not is_storable(token):
        raise Fault(
            "InvalidClientRequestTokenException", f"clientRequestToken has 1 to {TOKEN_LIMIT} characters"
        )
    return token


def token_key(call: Call, operation: str, request: Request) -> Token | None:
    """Return what a request's token is kept under, and a hash of its other members; None without one.

    A token is its caller's own, for one operation, in one account and region.

    Raises:
        Fault: ClientRequestTokenRequiredException; InvalidClientRequestTokenException.
    """
    token = token_form(request)
    if token is None:
        return None
    caller = call.caller
    key = TokenKey(caller.account_id, caller.region, caller.principal.unique_id, operation, token)
    others = {name: value for name, value in request.items() if name != _MEMBER}
    text = json.dumps(others, sort_keys=True, separators=(",", ":"))
    return key, hashlib.sha256(text.encode()).hexdigest()
