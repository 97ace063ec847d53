"""SSH keys: whose a proven key is.

A client may offer any key; only a signature proves that it has it. Whoever asks here has checked the
signature: before that nothing is looked up, and nobody is told which keys are known (CVE-2024-45337).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.auth.user_principals import UserPrincipals
from moorage.core import faults
from moorage.core.faults import Fault
from moorage.storage import ssh_keys

if TYPE_CHECKING:
    from moorage.core.principal import Principal
    from moorage.storage.database import Database

_KEY_ID = re.compile(r"APKA[A-Z0-9]{12,28}")


@dataclass(frozen=True, slots=True)
class ProvenKey:
    """The name a client signed in with, and the key whose signature over that name is right."""

    key_id: str
    blob: bytes  # in SSH's own encoding


@dataclass(frozen=True, slots=True)
class SshLogins:
    """Finds the users of proven keys. Any thread may ask."""

    database: Database
    principals: UserPrincipals

    def principal(self, key: ProvenKey) -> Principal:
        """Return the user whose active key it is, asked anew each time: one switched off is refused at once.

        Raises:
            Fault: with status 401. Why is told to none but who has that very key.
        """
        if _KEY_ID.fullmatch(key.key_id) is None:
            raise _unknown()
        with self.database.read() as connection:
            found = ssh_keys.stored(connection, key.key_id)
            if found is None or not hmac.compare_digest(found.public_blob, key.blob):
                raise _unknown()
            if not found.owner.account_open:
                raise _refused(key.key_id, "its account is closed")
            if not found.active:
                raise _refused(key.key_id, "it is inactive")
            return self.principals.of(connection, found.owner)


def _unknown() -> Fault:
    message = "This SSH key is not known here under that user name."
    return Fault(faults.INVALID_CLIENT_TOKEN_ID, message, status=401)


def _refused(key_id: str, reason: str) -> Fault:
    message = f"The SSH key {key_id} is refused: {reason}."
    return Fault(faults.INVALID_CLIENT_TOKEN_ID, message, status=401, told=True)
