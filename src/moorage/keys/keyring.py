"""The keys of repositories: who may use them, now, and what they open.

Permission and the key's state are looked at on every call; only the unwrapped data key is kept, for
minutes. So a deny, a disabled key or one pending deletion bites on the very next request.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from moorage.core.clock import Clock, SystemClock
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.crypto.key_specs import ENCRYPT, SYMMETRIC
from moorage.crypto.root_key import RootKey
from moorage.crypto.streams import DataKey
from moorage.keys import key_access, wrapping
from moorage.keys.key_access import Permissions
from moorage.keys.key_names import KeyName
from moorage.keys.key_policy import ACTIONS, DEFAULT_ALIAS, conditions, default_policy
from moorage.keys.unwrapped import UnwrappedKeys
from moorage.policy import explain, mentions, why
from moorage.storage import kms_grants, kms_keys, kms_materials, kms_tags
from moorage.storage.database import Database, now_ms
from moorage.storage.kms_grants import GrantRow
from moorage.storage.kms_keys import KmsKeyRow

# A deny bites at once; this bounds how long a key stays in memory after its last use was allowed.
UNWRAPPED_FOR = timedelta(minutes=5)
UNWRAPPED_KEYS = 2_000

Asked = TypeVar("Asked")
Found = TypeVar("Found")

_STATES = {
    "Disabled": ("EncryptionKeyDisabledException", "The encryption key {arn} is disabled."),
    "PendingDeletion": ("EncryptionKeyUnavailableException", "The encryption key {arn} is pending deletion."),
}


class Gate(Protocol):
    """Finds what a caller may do now."""

    def of(self, caller: Caller) -> Permissions: ...


class WrappedKey(Protocol):
    """What the keyring needs of a repository's row."""

    @property
    def repository_id(self) -> str: ...
    @property
    def kms_key_id(self) -> str: ...
    @property
    def data_key_wrapped(self) -> bytes: ...


class Keyring:
    """Opens repositories' data keys. Any thread may use it.

    Where a `connection` can be passed, the rows are read in its transaction.
    """

    def __init__(self, database: Database, root_key: RootKey, gate: Gate, clock: Clock | None = None) -> None:
        self._database = database
        self._root_key = root_key
        self._gate = gate
        self._unwrapped = UnwrappedKeys(clock or SystemClock(), UNWRAPPED_FOR, UNWRAPPED_KEYS)

    def open(self, caller: Caller, row: WrappedKey, connection: Connection | None = None) -> DataKey:
        """Return a repository's data key, if its caller may use it.

        Raises:
            Fault: see `require`; EncryptionIntegrityChecksFailedException (500) when the wrapped
                key was tampered with.
        """
        return self._unwrap(self._allowed(caller, row, connection), row, connection)

    def require(self, caller: Caller, row: WrappedKey, connection: Connection | None = None) -> None:
        """Refuse a caller who may not use a repository's key.

        Raises:
            Fault: EncryptionKeyAccessDeniedException, whose detail has `why`;
                EncryptionKeyDisabledException, EncryptionKeyUnavailableException or
                EncryptionKeyNotFoundException for the key itself.
        """
        self._allowed(caller, row, connection)

    def open_for_service(self, row: WrappedKey, connection: Connection | None = None) -> DataKey:
        """Return a repository's data key for maintenance, verification or backup: nobody asks.

        Raises:
            Fault: those of `open`, but for access.
        """
        with self._reading(connection) as reading:
            key = _required(kms_keys.find(reading, row.kms_key_id), row.kms_key_id)
            _require_enabled(key)
            return self._unwrap(key, row, reading)

    def default_key(self, connection: Connection, account_id: str, region: str) -> KmsKeyRow:
        """Return the account's AWS-managed key of a region; make it in this transaction if need be."""
        standing = kms_keys.find_by_alias(connection, account_id, region, DEFAULT_ALIAS)
        if standing is not None:
            return standing
        key_id = str(uuid.uuid4())
        key = KmsKeyRow(
            key_id=key_id,
            account_id=account_id,
            region=region,
            manager="AWS",
            state="Enabled",
            description="Encrypts CodeCommit repositories when no other key is named",
            policy=default_policy(account_id, region),
            material_sealed=wrapping.new_material(self._root_key, key_id),
            created_at_ms=now_ms(connection),
        )
        return kms_keys.add_with_alias(connection, key, DEFAULT_ALIAS)

    def find_key(self, connection: Connection, caller: Caller, name: str) -> KmsKeyRow:
        """Return the key that a request names: by id, ARN, alias or alias's ARN.

        Raises:
            Fault: EncryptionKeyInvalidIdException; EncryptionKeyNotFoundException; of another account
                EncryptionKeyAccessDeniedException, as for a key there that the caller may not use.
        """
        named = KeyName.parse(name, caller.account_id, caller.region)
        if named.alias == DEFAULT_ALIAS and named.account_id == caller.account_id:
            return self.default_key(connection, named.account_id, named.region)
        found = _named(connection, named)
        if named.account_id != caller.account_id and (found is None or found.state == "Deleted"):
            raise _unreachable(caller.principal.arn, ACTIONS[0])
        return _required(found, name)

    def new_data_key(self, key: KmsKeyRow, repository_id: str) -> bytes:
        """Make a repository's data key and return it wrapped.

        Raises:
            Fault: EncryptionKeyInvalidUsageException, the key is no symmetric encryption key.
        """
        _require_symmetric(key)
        return wrapping.wrap(self._root_key, key, DataKey.generate(), repository_id)

    def rewrap(self, row: WrappedKey, key: KmsKeyRow, connection: Connection) -> bytes:
        """Return a repository's data key wrapped by another key, or by the newest material of its own.

        Blobs stay as they are.

        Raises:
            Fault: as `new_data_key`, and those of `open_for_service`.
        """
        _require_symmetric(key)
        return wrapping.wrap(self._root_key, key, self.open_for_service(row, connection), row.repository_id)

    def _allowed(self, caller: Caller, row: WrappedKey, connection: Connection | None) -> KmsKeyRow:
        def ask(question: Callable[[Connection, Asked], Found], about: Asked) -> Found:
            return self._database.ask(question, about) if connection is None else question(connection, about)

        key = _required(ask(kms_keys.find, row.kms_key_id), row.kms_key_id)
        managed = key.manager == "AWS"
        permissions = self._gate.of(caller)
        # Everyone in the account may use the managed key, unless a policy of theirs denies it.
        exempt = managed and key.account_id == caller.account_id
        if not (exempt and not mentions(permissions.policies, "kms", effect="Deny")):
            aliases = (DEFAULT_ALIAS,) if managed else ask(kms_keys.aliases_of, key)
            tags = {} if managed else ask(kms_tags.of, key.key_id)
            context = conditions(caller, key, row.repository_id, aliases, tags)
            _require_access(
                permissions, key, context, lambda: ask(kms_grants.of_key, key.key_id), denials_only=exempt
            )
        _require_enabled(key)
        return key

    def _unwrap(self, key: KmsKeyRow, row: WrappedKey, connection: Connection | None) -> DataKey:
        def old(version: int) -> bytes | None:
            with self._reading(connection) as reading:
                return kms_materials.sealed(reading, key.key_id, version)

        return self._unwrapped.get(
            (key.key_id, row.repository_id, row.data_key_wrapped),
            lambda: wrapping.unwrap(self._root_key, key, row.data_key_wrapped, row.repository_id, old),
        )

    @contextlib.contextmanager
    def _reading(self, connection: Connection | None) -> Iterator[Connection]:
        if connection is not None:
            yield connection
            return
        with self._database.read() as fresh:
            yield fresh


def _named(connection: Connection, named: KeyName) -> KmsKeyRow | None:
    if named.alias is not None:
        return kms_keys.find_by_alias(connection, named.account_id, named.region, named.alias)
    key = kms_keys.find(connection, named.key_id)
    # A key is found by its own account and region only; both are in its ARN.
    mine = key is not None and (key.account_id, key.region) == (named.account_id, named.region)
    return key if mine else None


def _unreachable(principal_arn: str, action: str) -> Fault:
    """Return the refusal of another account's key, in words that are true whether it is there or not."""
    return Fault(
        "EncryptionKeyAccessDeniedException",
        f"User: {principal_arn} is not authorized to perform: {action} on this resource because the resource "
        "does not exist in this Region, no resource-based policies allow access, or a resource-based policy "
        "explicitly denies access",
    )


def _required(key: KmsKeyRow | None, name: str) -> KmsKeyRow:
    if key is None or key.state == "Deleted":
        raise Fault("EncryptionKeyNotFoundException", f"The encryption key {name} was not found.")
    return key


def _require_symmetric(key: KmsKeyRow) -> None:
    if (key.key_spec, key.key_usage) != (SYMMETRIC, ENCRYPT):
        raise Fault(
            "EncryptionKeyInvalidUsageException",
            f"The encryption key {key.arn} cannot be used: its spec is {key.key_spec}, its usage "
            f"{key.key_usage}. Name a symmetric encryption key.",
        )


def _require_enabled(key: KmsKeyRow) -> None:
    if key.state in _STATES:
        code, message = _STATES[key.state]
        raise Fault(code, message.format(arn=key.arn), key_state=key.state)


def _require_access(
    permissions: Permissions,
    key: KmsKeyRow,
    context: Mapping[str, tuple[str, ...]],
    grants: Callable[[], Iterable[GrantRow]],
    *,
    denials_only: bool,
) -> None:
    for action in ACTIONS:
        judged = key_access.judge(permissions, key, action, context, grants)
        decision, access = judged.decision, judged.access
        if decision.allowed or (denials_only and decision.reason != "explicit deny"):
            continue
        if isinstance(access.principal, Principal) and access.principal.account_id != key.account_id:
            # Its aliases, tags and policy are its own account's affair.
            raise _unreachable(access.principal.arn, action)
        aliases = ", ".join(context["kms:ResourceAliases"]) or "without alias"
        raise Fault(
            "EncryptionKeyAccessDeniedException",
            f"{explain(decision, access)} (encryption key {aliases})",
            why=f"{why(decision, access)} (encryption key {aliases})",
            decision=decision,
            access=access,
        )
