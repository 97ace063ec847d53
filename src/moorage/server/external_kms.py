"""The root of trust in another KMS: the root key rests wrapped by a key that never leaves it.

It speaks the AWS API: AWS KMS itself, a compatible server, or a second moorage. Credentials come from
the usual places that botocore looks at (environment, profile, instance role).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from moorage.crypto.root_key import RootKeyError

_SOURCE = re.compile(
    r"kms:(?P<arn>arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]+)"
    r"(?:@(?P<endpoint>https://[^\s@]+|http://(?:localhost|127\.0\.0\.1|\[::1\]):[0-9]+/?))?"
)
# What the ciphertext is bound to, and what its key's policy may ask for.
CONTEXT = {"moorage": "root-key"}
_TIMEOUT_SECONDS = 10
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ExternalKms:
    """One key of another KMS."""

    arn: str
    region: str
    endpoint: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `kms:KEY-ARN` or `kms:KEY-ARN@https://HOST:PORT`.

        Raises:
            RootKeyError: it has another form.
        """
        found = _SOURCE.fullmatch(text)
        if found is None:
            raise RootKeyError("The root key's source is not kms:KEY-ARN or kms:KEY-ARN@https://HOST:PORT.")
        return cls(found["arn"], found["region"], found["endpoint"])

    def wrap(self, plaintext: bytes) -> bytes:
        """Have the root key's text encrypted.

        Raises:
            RootKeyError: the KMS refuses, or does not answer.
        """
        wrapped: bytes = self._asked("encrypt", Plaintext=plaintext)["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes) -> bytes:
        """Have it decrypted.

        Raises:
            RootKeyError: the KMS refuses, or does not answer.
        """
        plaintext: bytes = self._asked("decrypt", CiphertextBlob=wrapped)["Plaintext"]
        return plaintext

    def _asked(self, operation: str, **request: object) -> dict[str, Any]:
        import botocore.session  # noqa: PLC0415 - nobody else needs it, and it is slow to import
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        config = Config(
            connect_timeout=_TIMEOUT_SECONDS,
            read_timeout=_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        where = f"{self.arn} at {self.endpoint or 'AWS'}"
        try:
            client = botocore.session.get_session().create_client(
                "kms", region_name=self.region, endpoint_url=self.endpoint, config=config
            )
            answer: dict[str, Any] = getattr(client, operation)(
                KeyId=self.arn, EncryptionContext=CONTEXT, **request
            )
        except ClientError as error:
            told = error.response["Error"]
            reason = f"{told['Code']}: {told.get('Message', '')}"
            raise RootKeyError(
                f"The KMS refused to {operation} the root key with {where}: {reason}"
            ) from error
        except BotoCoreError as error:
            raise RootKeyError(f"The KMS cannot be asked to {operation} with {where}: {error}") from error
        return answer
