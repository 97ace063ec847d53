"""Git credentials (HTTPS user name and password): whose they are, and for which region.

One indexed query a request finds credential, user and account, so that one switched off, reset or
deleted is refused on the next request, on every node. Why is told to none but who has the password.
"""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.auth.git_password import GitCredential, unauthorized
from moorage.auth.user_principals import UserPrincipals
from moorage.core import faults
from moorage.core.arn import GLOBAL_REGIONS, partition_of
from moorage.core.faults import Fault
from moorage.crypto.root_key import RootKeyError
from moorage.storage import service_credentials
from moorage.storage.service_credentials import Stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.core.principal import Principal
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.wire.regions import Regions

SERVICE = "codecommit.amazonaws.com"

_UNKNOWN = (
    "The user name and password are not known here: give those of a Git credential of your IAM user, or "
    "sign in through the credential helper: git config --get-all credential.helper"
)
# No user name is longer; what is must not reach the database.
_USER_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class GitCredentials:
    """Verifies them. Any thread may ask."""

    database: Database
    root_key: RootKey
    principals: UserPrincipals
    regions: Regions
    default_region: str

    def verified(self, claim: GitCredential, region_of_host: str | None) -> tuple[Principal, str]:
        """Return whose credential it is, and the region: the host's, else the default one.

        Raises:
            Fault: always with status 401 and a text for the person who runs git.
        """
        with self.database.read() as connection:
            found = self._stored(connection, claim.username)
            if found is None or not self._is_right(found, claim):
                raise unauthorized(faults.INVALID_CLIENT_TOKEN_ID, _UNKNOWN)
            _require_usable(found)
            principal = self.principals.of(connection, found.owner)
        if found.hash_key_id != self.root_key.key_id:
            self._keep_anew(found, claim)
        return principal, self._region(principal.partition, region_of_host)

    def _stored(self, connection: Connection, username: str) -> Stored | None:
        if len(username) > _USER_NAME_CHARACTERS or not username.isascii() or not username.isprintable():
            return None
        return service_credentials.stored(connection, username)

    def _is_right(self, found: Stored, claim: GitCredential) -> bool:
        try:
            given = service_credentials.hash_of(
                self.root_key, found.hash_key_id, found.credential_id, claim.password
            )
        except RootKeyError:  # kept under a root key that is gone
            return False
        return found.service == SERVICE and hmac.compare_digest(given, found.password_hash)

    def _keep_anew(self, found: Stored, claim: GitCredential) -> None:
        """Let the root key that a rotation replaced be given up one day. The next login tries again."""
        with contextlib.suppress(Fault), self.database.write() as connection:
            service_credentials.keep_under(connection, self.root_key, found, claim.password)

    def _region(self, partition: str, region_of_host: str | None) -> str:
        if region_of_host is None:
            same = partition_of(self.default_region) == partition
            return self.default_region if same else GLOBAL_REGIONS[partition]
        if region_of_host not in self.regions or partition_of(region_of_host) != partition:
            raise unauthorized(
                faults.SIGNATURE_DOES_NOT_MATCH,
                f"The region {region_of_host} is not served here for the account of this Git credential.",
            )
        return region_of_host


def _require_usable(found: Stored) -> None:
    """Refuse a credential whose password is right and which must not be used."""
    reason = None
    if not found.owner.account_open:
        reason = "its account is closed"
    elif not found.active:
        reason = "it is inactive"
    if reason is not None:
        raise unauthorized(
            faults.INVALID_CLIENT_TOKEN_ID,
            f"The Git credential {found.credential_id} of {found.owner.user_name} is refused: {reason}. "
            "Ask your administrator to make it active, or for another.",
            reason=reason,
        )
