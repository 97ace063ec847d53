"""From a credential to a principal: SigV4 in header or query string, and Git passwords.

Both ask `auth.key_holders` whose the key is; here the signature is checked, and refusals get their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from moorage.auth import git_password, sigv4
from moorage.auth.claims import Claim, read_claim
from moorage.auth.git_credentials import GitCredentials
from moorage.auth.git_password import GitSignature, unauthorized
from moorage.auth.key_holders import Holder, KeyHolders, Unusable
from moorage.auth.signing_keys import SigningKeys
from moorage.auth.user_principals import UserPrincipals
from moorage.core import faults
from moorage.core.arn import GLOBAL_REGIONS, partition_of
from moorage.core.faults import Fault
from moorage.core.principal import Principal
from moorage.core.secrets import Secret

if TYPE_CHECKING:
    from moorage.auth.signed_request import SignedRequest
    from moorage.core.clock import Clock
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database
    from moorage.wire.regions import Regions

_ASK_FOR_ANOTHER = "Ask your administrator for an active access key, and run: aws configure"
_RENEW = (
    "Run the command again: the credential helper gets new ones for a profile with a role. For credentials "
    "that you copied, call aws sts again and copy the new ones, all three parts."
)


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
        self._regions = regions
        self._clock = clock
        self._default_region = default_region
        self._git_password_lifetime = git_password_lifetime
        self._signing_keys = SigningKeys()
        self._git_credentials = GitCredentials(
            database, root_key, UserPrincipals(database), regions, default_region
        )
        self._holders = KeyHolders(database, root_key)

    def signed(self, request: SignedRequest, service: str, region: str | None) -> tuple[Principal, str]:
        """Return who signed a request to `service`, and the region it is for.

        `region` None: the host named none, so the signature's own scope tells it.

        Raises:
            Fault: MissingAuthenticationToken, IncompleteSignature, SignatureDoesNotMatch,
                InvalidClientTokenId; `detail` may hold `reason`, for the log.
        """
        claim = read_claim(request)
        holders: list[Holder] = []

        def secret_of(fresh: Claim) -> Secret:
            self._require_region(fresh, service, region)
            found = self._holders.find(fresh.access_key_id, fresh.session_token, self._clock.now())
            if isinstance(found, Unusable):
                raise sigv4.unknown_key(reason=found.reason)
            if found.principal.partition != partition_of(fresh.region):
                raise sigv4.unknown_key(reason="the account is in another partition")
            if service == "iam" and not _may_call_iam(found.principal):
                raise sigv4.unknown_key(reason="a session without MFA, or of a federated user, calls IAM")
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
        found = self._git_holder(claim)
        if not isinstance(found, Unusable):
            return self._verified(claim, found, host, raw_path, region_of_host)
        proven = found.holder and self._is_true(claim, found.holder, host, raw_path, region_of_host)
        reason = found.reason if proven else "it is not known here, or not active"
        raise unauthorized(
            faults.INVALID_CLIENT_TOKEN_ID,
            f"The access key {_shown(claim.access_key_id)} is refused: {reason}. {_ASK_FOR_ANOTHER}",
            reason=found.reason,
        )

    def _git_holder(self, claim: GitSignature) -> Holder | Unusable:
        now = self._clock.now()
        try:
            return self._holders.find(claim.access_key_id, claim.session_token, now)
        except Fault as fault:
            key = _shown(claim.access_key_id)
            if fault.code == faults.EXPIRED_TOKEN:
                text = f"The temporary credentials {key} expired at {fault.detail['expired_at']}. {_RENEW}"
            elif fault.code == faults.INVALID_CLIENT_TOKEN_ID:
                text = f"The session token is not one of the access key {key}. {_RENEW}"
            else:
                raise
            raise unauthorized(fault.code, text, **fault.detail) from fault

    def _is_true(
        self, claim: GitSignature, holder: Holder, host: str, raw_path: str, region_of_host: str | None
    ) -> bool:
        try:
            self._verified(claim, holder, host, raw_path, region_of_host)
        except Fault:
            return False
        return True

    def _verified(
        self, claim: GitSignature, holder: Holder, host: str, raw_path: str, region_of_host: str | None
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

    def _candidates(self, holder: Holder, region_of_host: str | None) -> Sequence[str]:
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


def _may_call_iam(principal: Principal) -> bool:
    """Tell whether these credentials reach IAM at all.

    Source: IAM User Guide, "Compare AWS STS credentials": a federated user's never do, those of
    GetSessionToken only with MFA.
    """
    session = principal.session
    if session is None or principal.kind == "role-session":
        return True
    return principal.kind != "federated-user" and session.mfa_authenticated_at is not None


def _shown(text: str) -> str:
    """Return a caller's text fit to print: short, and nothing a terminal would obey."""
    return "".join(character for character in text[:128] if character.isascii() and character.isprintable())
