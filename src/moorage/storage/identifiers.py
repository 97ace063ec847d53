"""The ids of accounts, identities and access keys, made the way AWS makes them.

An access key id tells the account it belongs to: the ten bytes that its sixteen base32 digits stand
for begin with one set bit, then forty bits of account number; thirty-nine random bits follow.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable

# Returns that many random bytes. Comes in as an argument wherever ids are made.
Entropy = Callable[[int], bytes]

USER = "AIDA"
GROUP = "AGPA"
ROLE = "AROA"
INSTANCE_PROFILE = "AIPA"
POLICY = "ANPA"
LONG_TERM_KEY = "AKIA"
TEMPORARY_KEY = "ASIA"

_ACCOUNT_DIGITS = 12
_RANDOM_BITS = 39
_SECRET_BYTES = 30  # forty characters of base64's alphabet, as AWS's secrets are
_KEY_DIGITS = 16
_UNIQUE_ID_DIGITS = 17


def unique_id(prefix: str, entropy: Entropy = secrets.token_bytes) -> str:
    """Return a new unique id such as AIDA…: 21 characters, 85 bits of them random."""
    return prefix + base64.b32encode(entropy(15)).decode()[:_UNIQUE_ID_DIGITS]


def provider_id(entropy: Entropy = secrets.token_bytes) -> str:
    """Return a new id of an identity provider: 24 base32 digits, all 120 bits random."""
    return base64.b32encode(entropy(15)).decode()


def account_number(entropy: Entropy = secrets.token_bytes) -> str:
    """Return a new account id: twelve digits, the first not zero."""
    low = 10 ** (_ACCOUNT_DIGITS - 1)
    return str(low + int.from_bytes(entropy(16), "big") % (9 * low))


def access_key_id(account_id: str, entropy: Entropy = secrets.token_bytes) -> str:
    """Return a new long-term access key id that encodes its account."""
    random = int.from_bytes(entropy(5), "big") >> 1
    number = (1 << 79) | (int(account_id) << _RANDOM_BITS) | random
    return LONG_TERM_KEY + base64.b32encode(number.to_bytes(10, "big")).decode()


def account_of(access_key: str) -> str | None:
    """Return the account id that an access key id encodes, or None when it encodes none."""
    if len(access_key) != len(LONG_TERM_KEY) + _KEY_DIGITS:
        return None
    try:
        number = int.from_bytes(base64.b32decode(access_key[len(LONG_TERM_KEY) :])[:6], "big")
    except (binascii.Error, ValueError):
        return None
    account = (number & 0x7FFFFFFFFF80) >> 7
    return str(account).zfill(_ACCOUNT_DIGITS) if account < 10**_ACCOUNT_DIGITS else None


def secret_access_key(entropy: Entropy = secrets.token_bytes) -> str:
    """Return a new secret: 40 characters of A-Z a-z 0-9 + /, all 240 bits random."""
    return base64.b64encode(entropy(_SECRET_BYTES)).decode()
