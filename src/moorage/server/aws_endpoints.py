"""Calls to other services that speak AWS's API: AWS itself, or what stands in for it.

Credentials come from the usual places that botocore looks at (environment, profile, instance role).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.repos.trigger_messages import SendError

# What an operator writes for AWS's own endpoints.
AWS: Final = "aws"

_TIMEOUT_SECONDS: Final = 10
# Errors that the same message will meet again.
_FINAL: Final = (400, 403, 404, 413)
_BUSY: Final = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")


@dataclass(slots=True)
class AwsEndpoint:
    """One endpoint (a URL, or `aws`). Any thread may call."""

    url: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def call(self, service: str, region: str, operation: str, **request: object) -> dict[str, Any]:
        """Call an operation by botocore's name for it.

        Raises:
            SendError: it was refused, or nobody answered.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

        try:
            answer: dict[str, Any] = getattr(self._client(service, region), operation)(**request)
        except ClientError as error:
            told, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            final = status in _FINAL and told.get("Code") not in _BUSY
            raise SendError(f"{service}: {told.get('Code')}: {told.get('Message')}", final=final) from error
        except BotoCoreError as error:
            raise SendError(f"{service} at {self.url}: {error}") from error
        return answer

    def _client(self, service: str, region: str) -> Any:
        import botocore.session  # noqa: PLC0415 - slow to import
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 1}
        )
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = botocore.session.get_session().create_client(
                    service,
                    region_name=region,
                    endpoint_url=None if self.url == AWS else self.url,
                    config=config,
                )
            return self._clients[service, region]
