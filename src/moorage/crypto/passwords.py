"""Hashes of the passwords that people choose: argon2id (RFC 9106), a few at once.

Each hash takes 19 MiB and about a tenth of a second of a core, on purpose. So that many sign-ins at
once take neither the memory nor the cores of everything else, a process works on `AT_ONCE` of them;
a few more wait for a while, all others are told to come back: a request that waits holds a thread.
"""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from moorage.core.turns import Turns

AT_ONCE = 2
WAITING = 2
WAIT_SECONDS = 5.0

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_turns = Turns("passwords are being checked", at_once=AT_ONCE, waiting=WAITING, seconds=WAIT_SECONDS)


def hashed(password: str) -> str:
    """Return a password's salted hash in its PHC text form, about 100 characters.

    Raises:
        Fault: ServiceUnavailable, too many are waiting.
    """
    with _turns.taken():
        return _HASHER.hash(password)


def verify(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one of a kept hash.

    With None, where there is no such person, it takes as long and is never right.

    Raises:
        Fault: ServiceUnavailable, too many are waiting.
    """
    with _turns.taken():
        try:
            _HASHER.verify(_NOBODYS if kept is None else kept, password)
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


# Of a password that nobody knows: what is compared where there is nothing to compare with.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
