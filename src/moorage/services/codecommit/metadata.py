"""What a repository looks like in answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.core.clock import from_milliseconds
from moorage.storage import kms_keys

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import RepositoryMetadataTypeDef

    from moorage.services.call import Call
    from moorage.storage.repositories import RepositoryRow


def metadata(call: Call, row: RepositoryRow) -> RepositoryMetadataTypeDef:
    """Return a repository's metadata. What it has not (a description, a default branch) is left out."""
    shown: RepositoryMetadataTypeDef = {
        "accountId": row.account_id,
        "repositoryId": row.repository_id,
        "repositoryName": row.name,
        "lastModifiedDate": from_milliseconds(row.modified_at_ms),
        "creationDate": from_milliseconds(row.created_at_ms),
        "cloneUrlHttp": call.clone_urls.https(row.region, row.name),
        "cloneUrlSsh": call.clone_urls.ssh(row.region, row.name),
        "Arn": row.arn,
        "kmsKeyId": encryption_key(call, row),
    }
    if row.description is not None:
        shown["repositoryDescription"] = row.description
    if row.default_branch is not None:
        shown["defaultBranch"] = branch_name(row.default_branch)
    return shown


def encryption_key(call: Call, row: RepositoryRow) -> str:
    """Return the ARN of a repository's key, which may be another account's."""
    key = call.database.ask(kms_keys.find, row.kms_key_id)
    assert key is not None, "a key's row stays while a repository names it"
    return key.arn


def branch_name(ref: str) -> str:
    """Return a branch's short name."""
    return ref.removeprefix("refs/heads/")
