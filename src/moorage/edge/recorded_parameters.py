"""What the audit keeps of a request's parameters and of a change's answer: no secret, and only so much."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

# CloudTrail's own words in the place of what it does not tell.
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"

# What is hidden, of all services' requests and answers, at any depth; so is every blob. A test goes through
# all shapes of the models: a new member that sounds like a secret fails it until it is listed, here or there.
HIDDEN_MEMBERS = frozenset(
    {
        "AddPrivateKey",
        "AuthenticationCode1",
        "AuthenticationCode2",
        "ContextAssertion",
        "EncodedMessage",
        "ExternalId",
        "GrantToken",
        "GrantTokens",
        "KeyStorePassword",
        "Message",
        "NewPassword",
        "OldPassword",
        "Password",
        "Plaintext",
        "PrivateKey",
        "RawSecretAccessKey",
        "SAMLAssertion",
        "SecretAccessKey",
        "ServiceCredentialSecret",
        "ServicePassword",
        "SessionToken",
        "TokenCode",
        "TradeInToken",
        "WebIdentityToken",
        "XksProxyAuthenticationCredential",
        "content",  # of comments, and of files in merges
        "fileContent",
    }
)

# A policy's document may have 6,144 characters in a role, 10,240 in a group; the whole is bounded too.
_TEXT = 10_240
_WHOLE = 24_576  # characters of one request in JSON, roughly
_ITEMS = 250
_DEPTH = 12
CUT = "…"


def of(members: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return a parsed request, or an answer, as the audit keeps it: fit for JSON; None for an empty one."""
    if not members:
        return None
    return _Copy().mapping(members, 0)


class _Copy:
    """Copies values until so many characters are copied; what comes after is cut."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _WHOLE

    def mapping(self, values: Mapping[str, object], depth: int) -> dict[str, object]:
        copied: dict[str, object] = {}
        for key, value in values.items():
            if self._left <= 0 or len(copied) >= _ITEMS:
                copied[CUT] = CUT
                break
            name = self._text(key)
            copied[name] = HIDDEN if key in HIDDEN_MEMBERS else self._value(value, depth + 1)
        return copied

    def _value(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self._text(value)
        self._left -= 8
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return HIDDEN
        if isinstance(value, Mapping | list | tuple):
            return self._nested(value, depth) if depth < _DEPTH else CUT
        # CloudTrail spells times so: Dec 14, 2016 5:21:45 PM.
        return self._text(f"{value:%b %-d, %Y %-I:%M:%S %p}" if isinstance(value, datetime) else str(value))

    def _nested(self, value: Mapping[str, object] | list[object] | tuple[object, ...], depth: int) -> object:
        return self.mapping(value, depth) if isinstance(value, Mapping) else self._list(value, depth)

    def _list(self, values: list[object] | tuple[object, ...], depth: int) -> list[object]:
        copied: list[object] = []
        for value in values:
            if self._left <= 0 or len(copied) >= _ITEMS:
                copied.append(CUT)
                break
            copied.append(self._value(value, depth + 1))
        return copied

    def _text(self, text: str) -> str:
        limit = min(_TEXT, max(self._left, 0))
        kept = text if len(text) <= limit else text[:limit] + CUT
        # JSON has six characters and more for what is not ASCII.
        self._left -= (len(kept) if kept.isascii() else 6 * len(kept)) + 4
        return kept
