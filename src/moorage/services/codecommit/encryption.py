"""The key that a repository is encrypted under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.keys.key_names import KeyName
from moorage.services.codecommit.metadata import encryption_key
from moorage.services.codecommit.service import codecommit
from moorage.services.codecommit.targets import Request, named_repository
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from types_boto3_codecommit.type_defs import (
        UpdateRepositoryEncryptionKeyInputTypeDef,
    )

    from moorage.services.call import Call


def _repository_and_key(call: Call, request: Request) -> list[Target]:
    KeyName.parse(request["kmsKeyId"], call.caller.account_id, call.caller.region)
    return list(named_repository()(call, request))


@codecommit.operation("UpdateRepositoryEncryptionKey", resource=_repository_and_key)
def update_repository_encryption_key(
    call: Call, request: UpdateRepositoryEncryptionKeyInputTypeDef
) -> dict[str, str]:
    """Put a repository under another key. Its packs are not rewritten: their data key is wrapped anew."""
    before, after = call.repositories.encrypt_by(call.caller, request["repositoryName"], request["kmsKeyId"])
    return {
        "repositoryId": after.repository_id,
        "kmsKeyId": encryption_key(call, after),
        "originalKmsKeyId": encryption_key(call, before),
    }
