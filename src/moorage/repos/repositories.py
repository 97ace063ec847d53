"""Repositories of an account and region: made, found, renamed, deleted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from moorage.core.faults import Fault
from moorage.core.names import RefName
from moorage.core.principal import Caller
from moorage.keys.key_policy import DEFAULT_ALIAS
from moorage.storage import audit, standing
from moorage.storage import repositories as rows
from moorage.storage.repositories import RepositoryRow

if TYPE_CHECKING:
    from moorage.keys.keyring import Keyring
    from moorage.repos.cache import WorkingCache
    from moorage.storage.database import Database

# AWS raises the quota on request; an account may have this many in one region (service.md section 4).
REPOSITORY_LIMIT = 25_000


def does_not_exist(name: str) -> Fault:
    """The refusal for a repository that is not there."""
    return Fault("RepositoryDoesNotExistException", f"{name} does not exist", status=404)


@dataclass(frozen=True, slots=True)
class Repositories:
    """Where every service finds its repositories."""

    database: Database
    keyring: Keyring
    cache: WorkingCache

    def find(self, account_id: str, region: str, name: str) -> tuple[RepositoryRow, dict[str, str]] | None:
        """Return a repository and its tags, read together, or None."""
        found = standing.of(self.database, account_id, region, name)
        return None if found.row is None else (found.row, dict(found.tags))

    def require(self, caller: Caller, name: str) -> RepositoryRow:
        """Return the caller's repository of that name, or raise RepositoryDoesNotExistException."""
        found = self.find(caller.account_id, caller.region, name)
        if found is None:
            raise does_not_exist(name)
        return found[0]

    def listing(self, caller: Caller) -> list[RepositoryRow]:
        """Return the caller's repositories in the caller's region, by name."""
        with self.database.read() as connection:
            return rows.in_region(connection, caller.account_id, caller.region)

    def create(
        self,
        caller: Caller,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        key_name: str = DEFAULT_ALIAS,
    ) -> RepositoryRow:
        """Make an empty repository, encrypted under the key that its caller names and may use.

        Raises:
            Fault: RepositoryNameExistsException, RepositoryLimitExceededException, or one of the
                KMS errors.
        """
        repository_id = str(uuid.uuid4())
        try:
            with self.database.write() as connection:
                if rows.count(connection, caller.account_id, caller.region) >= REPOSITORY_LIMIT:
                    raise Fault(
                        "RepositoryLimitExceededException",
                        f"This account has {REPOSITORY_LIMIT} repositories in {caller.region} already.",
                    )
                now_ms = self.database.now_ms(connection)
                key = self.keyring.find_key(connection, caller, key_name)
                row = RepositoryRow(
                    repository_id=repository_id,
                    account_id=caller.account_id,
                    region=caller.region,
                    name=name,
                    description=description,
                    default_branch=None,
                    kms_key_id=key.key_id,
                    data_key_wrapped=b"",
                    generation=1,
                    created_at_ms=now_ms,
                    modified_at_ms=now_ms,
                )
                self.keyring.require(caller, row, connection)
                row = replace(row, data_key_wrapped=self.keyring.new_data_key(key, repository_id))
                rows.add(connection, row)
                rows.set_tags(connection, repository_id, tags or {})
                audit.record(connection, audit.change(caller, "codecommit:CreateRepository", row.arn, now_ms))
        except IntegrityError as error:
            raise Fault("RepositoryNameExistsException", f"Repository named {name} already exists") from error
        return row

    def delete(self, caller: Caller, name: str) -> str | None:
        """Delete a repository; return its id, or None when there was none (which is no error)."""
        with self.database.write() as connection:
            row = rows.find(connection, caller.account_id, caller.region, name, for_change=True)
            if row is None:
                return None
            now_ms = self.database.now_ms(connection)
            rows.remove(connection, row.repository_id, now_ms)
            audit.record(connection, audit.change(caller, "codecommit:DeleteRepository", row.arn, now_ms))
        self.cache.purge(row.repository_id)
        return row.repository_id

    def rename(self, caller: Caller, old: str, new: str) -> None:
        """Give a repository another name; its id, refs and clones' objects stay."""
        try:
            with self.database.write() as connection:
                row = _locked(connection, caller, old)
                self._change(connection, caller, row, "UpdateRepositoryName", name=new)
        except IntegrityError as error:
            raise Fault("RepositoryNameExistsException", f"Repository named {new} already exists") from error

    def encrypt_by(self, caller: Caller, name: str, key_name: str) -> tuple[RepositoryRow, RepositoryRow]:
        """Put a repository under another key; return its rows before and after.

        Only its data key is wrapped anew, packs stay as they are: a push under way goes on with the
        same data key. Its caller needs the right to both keys.

        Raises:
            Fault: RepositoryDoesNotExistException, or one of the KMS errors, for either key.
        """
        with self.database.write() as connection:
            before = _locked(connection, caller, name)
            key = self.keyring.find_key(connection, caller, key_name)
            self.keyring.require(caller, before, connection)
            self.keyring.require(caller, replace(before, kms_key_id=key.key_id), connection)
            wrapped = self.keyring.rewrap(before, key, connection)
            after = replace(before, kms_key_id=key.key_id, data_key_wrapped=wrapped)
            self._change(
                connection,
                caller,
                before,
                "UpdateRepositoryEncryptionKey",
                kms_key_id=key.key_id,
                data_key_wrapped=wrapped,
            )
        return before, after

    def describe(self, caller: Caller, name: str, description: str | None) -> None:
        """Set or clear a repository's description."""
        with self.database.write() as connection:
            row = _locked(connection, caller, name)
            self.keyring.require(caller, row, connection)
            self._change(connection, caller, row, "UpdateRepositoryDescription", description=description)

    def set_default_branch(self, caller: Caller, name: str, branch: RefName) -> None:
        """Make an existing branch the default one.

        Raises:
            Fault: RepositoryDoesNotExistException or BranchDoesNotExistException.
        """
        with self.database.write() as connection:
            row = _locked(connection, caller, name)
            self.keyring.require(caller, row, connection)
            if not rows.refs_named(connection, row.repository_id, [branch.encode()]):
                raise Fault(
                    "BranchDoesNotExistException",
                    f"Branch {branch.removeprefix('refs/heads/')} does not exist",
                )
            self._change(
                connection,
                caller,
                row,
                "UpdateDefaultBranch",
                default_branch=str(branch),
                generation=row.generation + 1,
            )

    def tag(self, caller: Caller, row: RepositoryRow, changed: Mapping[str, str], *, limit: int) -> None:
        """Add or change tags.

        Raises:
            Fault: TooManyTagsException when there would be more than `limit`.
        """
        with self.database.write() as connection:
            row = _still_there(connection, row)
            standing = rows.tags(connection, row.repository_id)
            if len(standing | dict(changed)) > limit:
                raise Fault("TooManyTagsException", f"A repository can have at most {limit} tags.")
            rows.set_tags(connection, row.repository_id, changed)
            self._change(connection, caller, row, "TagResource")

    def untag(self, caller: Caller, row: RepositoryRow, keys: list[str]) -> None:
        """Remove tags; a key that is not there is no error."""
        with self.database.write() as connection:
            row = _still_there(connection, row)
            rows.remove_tags(connection, row.repository_id, keys)
            self._change(connection, caller, row, "UntagResource")

    def _change(
        self, connection: Connection, caller: Caller, row: RepositoryRow, action: str, **values: object
    ) -> None:
        now_ms = self.database.now_ms(connection)
        rows.change(connection, row.repository_id, now_ms, **values)
        audit.record(connection, audit.change(caller, f"codecommit:{action}", row.arn, now_ms))


def _still_there(connection: Connection, row: RepositoryRow) -> RepositoryRow:
    found = rows.lock(connection, row.repository_id)
    if found is None:
        raise does_not_exist(row.name)
    return found


def _locked(connection: Connection, caller: Caller, name: str) -> RepositoryRow:
    row = rows.find(connection, caller.account_id, caller.region, name, for_change=True)
    if row is None:
        raise does_not_exist(name)
    return row
