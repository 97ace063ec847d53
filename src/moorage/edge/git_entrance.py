"""Who comes in at the Git door: credential, right, existence, key, and the grace of long pushes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.arn import repository_arn
from moorage.core.clock import Clock, milliseconds
from moorage.core.faults import Fault
from moorage.core.principal import Caller
from moorage.edge import audited, git_records, metrics, strangers
from moorage.edge.git_request import RECEIVE_PACK, UPLOAD_PACK, GitRequest
from moorage.edge.git_visitors import Entered, Visitor
from moorage.repos.access import PULL, PUSH, Access, GitAccess
from moorage.storage import grace
from moorage.storage.access_keys import LastUse

if TYPE_CHECKING:
    from moorage.auth.authenticate import Authenticator
    from moorage.auth.last_used import LastUses
    from moorage.git.fetch_request import FetchRequest, LsRefsRequest
    from moorage.storage.audit_batch import AuditBatch
    from moorage.storage.database import Database
    from moorage.wire.regions import Regions


@dataclass(frozen=True, slots=True)
class GitEntrance:
    """Asks the questions in their order. `strict` refuses as AWS does: a bare status, no grace."""

    authenticator: Authenticator
    access: GitAccess
    database: Database
    regions: Regions
    clock: Clock
    audit: AuditBatch
    last_uses: LastUses
    strict: bool = False

    def visitor(self, request: GitRequest, request_id: str) -> Visitor:
        """Verify a request's credential.

        Raises:
            Fault: with status 401: none was sent, or it is not right.
        """
        named = self.regions.parse_host(request.host)
        try:
            identity = self.authenticator.git(
                request.authorization,
                request.host,
                request.signed_path.decode("utf-8", "surrogateescape"),
                named.region if named is not None else None,
            )
        except Fault as fault:
            metrics.refused_logins.labels("git").inc()
            self._note_stranger(request, request_id, fault)
            raise
        now = self.clock.now()
        principal = identity.principal
        self.last_uses.note(principal, LastUse(milliseconds(now), "codecommit", identity.region))
        caller = Caller(
            principal,
            identity.region,
            request_id,
            now,
            source_ip=request.client_address,
            secure_transport=request.secure,
            user_agent=request.user_agent,
        )
        return Visitor(request, identity, caller)

    def enter(self, visitor: Visitor) -> Entered:
        """Open the repository that a visitor asks for.

        Raises:
            Fault: it may not be, or is not there; 401 when the credential has expired.
        """
        caller, name = visitor.caller, visitor.request.name
        arn = repository_arn(caller.region, caller.account_id, name)
        try:
            with self.database.one_snapshot():
                access = self.access.open(caller, name, visitor.action)
        except Fault as fault:
            told = {"readOnly": True} if visitor.request.advertisement else {}
            self.audit.add(audited.refusal(caller, visitor.action, [arn], fault, **told))
            raise
        self._require_fresh(visitor, access)
        return Entered(visitor, access)

    def pulled(
        self, entered: Entered, request: FetchRequest | LsRefsRequest, body: bytes, *, whole: bool = False
    ) -> None:
        """Tell the audit of a request of a pull; see `git_records.pulled`."""
        git_records.pulled(self.audit, entered, request, body, whole=whole)

    def grant(self, entered: Entered) -> None:
        """Let the push that begins here finish after its password has expired, if that can happen."""
        visitor = entered.visitor
        if self.strict or visitor.identity.signature_hash is None:
            return
        # A power cut ends the push as well.
        with self.database.write(durable=False) as connection:
            grace.grant(
                connection,
                visitor.identity.signature_hash,
                entered.access.opened.row.repository_id,
                principal_id=visitor.caller.principal.unique_id,
                client_address=visitor.request.client_address,
                now_ms=milliseconds(visitor.caller.now),
            )

    def _note_stranger(self, request: GitRequest, request_id: str, fault: Fault) -> None:
        stranger = strangers.Stranger(
            request_id,
            PULL if request.service == UPLOAD_PACK else PUSH,
            f"/v1/repos/{request.name}",
            request.client_address,
            request.user_agent,
            self.clock.now(),
        )
        strangers.note(self.audit, stranger, fault)

    def _require_fresh(self, visitor: Visitor, access: Access) -> None:
        """Let an expired password finish the push that it began, and nothing else."""
        if visitor.identity.expired is None:
            return
        pushes = visitor.request.service == RECEIVE_PACK and not visitor.request.advertisement
        if not (pushes and not self.strict and self._has_grace(visitor, access)):
            raise visitor.identity.expired

    def _has_grace(self, visitor: Visitor, access: Access) -> bool:
        if visitor.identity.signature_hash is None:
            return False
        with self.database.read() as connection:
            return grace.stands(
                connection,
                visitor.identity.signature_hash,
                access.opened.row.repository_id,
                principal_id=visitor.caller.principal.unique_id,
                client_address=visitor.request.client_address,
                now_ms=milliseconds(visitor.caller.now),
            )
