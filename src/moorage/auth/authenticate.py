"""From a credential to a principal: SigV4 in header or query string, and Git passwords.

One indexed query a request finds the key, its owner, account and revision. What costs more (opening
the sealed secret, reading tags) is kept until the account's revision moves, so a key revoked or a
user deleted is refused on the next request, on every node.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from moorage.auth import git_password, sigv4
from moorage.auth.claims import Claim, read_claim
from moorage.auth.git_credentials import GitCredentials
from moorage.auth.git_password import GitSignature, unauthorized
from moorage.auth.signing_keys import SigningKeys
from moorage.auth.user_principals import UserPrincipals
from moorage.core import faults
from moorage.core.arn import GLOBAL_REGIONS, partition_of
from moorage.core.faults import Fault
from moorage.core.principal import Principal
from moorage.core.secrets import Secret
from moorage.storage import access_keys, identities
from moorage.storage.identifiers import TEMPORARY_KEY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.auth.signed_request import SignedRequest
    from moorage.core.clock import Clock
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.storage.identities import KeyOwner
    from moorage.wire.regions import Regions

# Keys whose secret and owner are kept (design.md section 8: 5,000 principals, two keys each).
KEPT_KEYS = 10_000

_ASK_FOR_ANOTHER = "Ask your administrator for an active access key, and run: aws configure"


@dataclass(frozen=True, slots=True)
class GitIdentity:
    """Who signed a Git password or gave a Git credential, and for which region.

    `expired` is the refusal to raise unless the request finishes a push that began in time; the
    signature itself is true either way. `signature_hash` stands for the password in rows. A Git
    credential has neither: it does not expire.
    """

    principal: Principal
    region: str
    signature_hash: str | None = None
    expired: Fault | None = None


@dataclass(frozen=True, slots=True)
class _Holder:
    """A key's secret and owner."""

    principal: Principal
    secret: Secret


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Why a key is refused. Told to none but the log and who holds the secret: keys are guessed at."""

    reason: str
    holder: _Holder | None = None


class Authenticator:
    """Tells who is calling. Any thread may ask."""

    def __init__(
        self,
        database: Database,
        root_key: RootKey,
        *,
        regions: Regions,
        clock: Clock,
        default_region: str,
        git_password_lifetime: timedelta = git_password.LIFETIME,
    ) -> None:
        self._database = database
        self._root_key = root_key
        self._regions = regions
        self._clock = clock
        self._default_region = default_region
        self._git_password_lifetime = git_password_lifetime
        self._signing_keys = SigningKeys()
        self._git_credentials = GitCredentials(
            database, root_key, UserPrincipals(database), regions, default_region
        )
        self._lock = threading.Lock()
        self._holders: OrderedDict[str, tuple[int, _Holder]] = OrderedDict()

    def signed(self, request: SignedRequest, service: str, region: str | None) -> tuple[Principal, str]:
        """Return who signed a request to `service`, and the region it is for.

        `region` None: the host named none, so the signature's own scope tells it.

        Raises:
            Fault: MissingAuthenticationToken, IncompleteSignature, SignatureDoesNotMatch,
                InvalidClientTokenId; `detail` may hold `reason`, for the log.
        """
        claim = read_claim(request)
        holders: list[_Holder] = []

        def secret_of(fresh: Claim) -> Secret:
            self._require_region(fresh, service, region)
            found = self._holder(fresh.access_key_id, fresh.session_token)
            if isinstance(found, _Unusable):
                raise sigv4.unknown_key(reason=found.reason)
            if found.principal.partition != partition_of(fresh.region):
                raise sigv4.unknown_key(reason="the account is in another partition")
            holders.append(found)
            return found.secret

        sigv4.verify(
            claim,
            request,
            service=service,
            region=region,
            now=self._clock.now(),
            secret_of=secret_of,
            keys=self._signing_keys,
        )
        signed_for = GLOBAL_REGIONS[partition_of(claim.region)] if service == "iam" else claim.region
        return holders[0].principal, signed_for

    def git(
        self, authorization: str | None, host: str, raw_path: str, region_of_host: str | None
    ) -> GitIdentity:
        """Return who signed a Git password for this host and path, or whose Git credential it is.

        `region_of_host` None: the region is the one whose signature verifies; with a Git credential,
        the default one.

        Raises:
            Fault: always with status 401 and a text for the person who runs git.
        """
        claim = git_password.read_basic(authorization)
        if not isinstance(claim, GitSignature):
            return GitIdentity(*self._git_credentials.verified(claim, region_of_host))
        found = self._holder(claim.access_key_id, claim.session_token)
        if not isinstance(found, _Unusable):
            return self._verified(claim, found, host, raw_path, region_of_host)
        proven = found.holder and self._is_true(claim, found.holder, host, raw_path, region_of_host)
        reason = found.reason if proven else "it is not known here, or not active"
        raise unauthorized(
            faults.INVALID_CLIENT_TOKEN_ID,
            f"The access key {_shown(claim.access_key_id)} is refused: {reason}. {_ASK_FOR_ANOTHER}",
            reason=found.reason,
        )

    def _is_true(
        self, claim: GitSignature, holder: _Holder, host: str, raw_path: str, region_of_host: str | None
    ) -> bool:
        try:
            self._verified(claim, holder, host, raw_path, region_of_host)
        except Fault:
            return False
        return True

    def _verified(
        self, claim: GitSignature, holder: _Holder, host: str, raw_path: str, region_of_host: str | None
    ) -> GitIdentity:
        regions = self._candidates(holder, region_of_host)

        def verify(*, allow_expired: bool) -> git_password.Verified:
            return git_password.verify(
                claim,
                host=host,
                raw_path=raw_path,
                regions=regions,
                secret=holder.secret,
                keys=self._signing_keys,
                now=self._clock.now(),
                lifetime=self._git_password_lifetime,
                allow_expired=allow_expired,
            )

        expired: Fault | None = None
        try:
            verified = verify(allow_expired=False)
        except Fault as fault:
            if fault.code != faults.EXPIRED_TOKEN:
                raise
            expired = fault
            verified = verify(allow_expired=True)
        return GitIdentity(holder.principal, verified.region, verified.signature_hash, expired)

    def _candidates(self, holder: _Holder, region_of_host: str | None) -> Sequence[str]:
        """Return the regions a password may have been signed for, the likeliest first.

        A key signs for the regions of its account's partition alone.

        Raises:
            Fault: the host names a region that is not served, or one of another partition.
        """
        partition = holder.principal.partition
        if region_of_host is None:
            own = [region for region in self._regions if partition_of(region) == partition]
            return sorted(own, key=lambda region: region != self._default_region)
        if region_of_host not in self._regions or partition_of(region_of_host) != partition:
            raise unauthorized(
                faults.SIGNATURE_DOES_NOT_MATCH,
                f"The region {_shown(region_of_host)} is not served here for the account of this access key.",
            )
        return [region_of_host]

    def _require_region(self, claim: Claim, service: str, region_of_host: str | None) -> None:
        """Refuse a scope of no region here.

        IAM has one region for each partition. But the AWS CLI and SDKs, given an --endpoint-url, sign
        for IAM with whatever region is configured: where the host names none, that is taken for it.
        """
        served = claim.region in self._regions
        if service == "iam" and region_of_host is not None:
            served = claim.region in GLOBAL_REGIONS.values()
        if not served:
            raise sigv4.mismatch(f"Credential should be scoped to a valid region, not '{claim.region[:64]}'.")

    def _holder(self, access_key_id: str, session_token: Secret | None) -> _Holder | _Unusable:
        if not access_keys.is_key_id(access_key_id):
            return _Unusable("that is no access key id")
        if access_key_id.startswith(TEMPORARY_KEY):
            return _Unusable("it is a temporary one, and this version issues none")
        with self._database.read() as connection:
            owner = identities.key_owner(connection, access_key_id)
            if owner is None:
                return _Unusable("there is no such key")
            holder = self._kept(owner) or self._opened(connection, owner)
            # The gate will ask for it: one query less for each request.
            revision = owner.revision if owner.account_open else None
            self._database.told(revision, identities.revision, owner.account_id)
        reason = _fault_of(owner, session_token)
        return holder if reason is None else _Unusable(reason, holder)

    def _kept(self, owner: KeyOwner) -> _Holder | None:
        with self._lock:
            kept = self._holders.get(owner.access_key_id)
            if kept is None or kept[0] != owner.revision:
                return None
            self._holders.move_to_end(owner.access_key_id)
            return kept[1]

    def _opened(self, connection: Connection, owner: KeyOwner) -> _Holder:
        context = access_keys.seal_context(owner.access_key_id)
        secret = Secret(self._root_key.open(owner.secret_sealed, context).decode())
        holder = _Holder(_principal(connection, owner), secret)
        with self._lock:
            self._holders[owner.access_key_id] = (owner.revision, holder)
            while len(self._holders) > KEPT_KEYS:
                self._holders.popitem(last=False)
        return holder


def _principal(connection: Connection, owner: KeyOwner) -> Principal:
    if owner.user_id is None:
        return Principal(
            "root",
            owner.arn,
            owner.account_id,
            owner.partition,
            owner.account_id,
            access_key_id=owner.access_key_id,
        )
    return Principal(
        "user",
        owner.arn,
        owner.account_id,
        owner.partition,
        owner.user_id,
        user_name=owner.user_name,
        access_key_id=owner.access_key_id,
        tags=identities.tags_of(connection, owner.user_id),
    )


def _fault_of(owner: KeyOwner, session_token: Secret | None) -> str | None:
    """Return why a known key must not be used, or None."""
    if not owner.account_open:
        return "its account is closed"
    if not owner.active:
        return "it is inactive"
    if session_token is not None:
        return "a session token came with it, which only temporary keys have"
    return None


def _shown(text: str) -> str:
    """Return a caller's text fit to print: short, and nothing a terminal would obey."""
    return "".join(character for character in text[:128] if character.isascii() and character.isprintable())
