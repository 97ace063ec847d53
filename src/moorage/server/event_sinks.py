"""Where events go: a file of JSON lines, a webhook, an EventBridge-compatible endpoint.

A sink takes one event at a time, as EventBridge's JSON text. It returns once the event has arrived;
until then the event is somebody else's to keep.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from moorage import __version__
from moorage.repos.trigger_messages import SendError
from moorage.server.aws_endpoints import AwsEndpoint

if TYPE_CHECKING:
    import urllib3

    from moorage.core.secrets import Secret

WEBHOOK_SECONDS: Final = 10.0
SIGNATURE_HEADER: Final = "Moorage-Signature"

# Answers of a webhook that another attempt may turn to the better.
_BUSY: Final = frozenset({408, 425, 429})


class EventSink(Protocol):
    """Takes events. `name` is what waiting events are kept under; it never changes."""

    @property
    def name(self) -> str: ...

    def send(self, body: str, region: str) -> None:
        """Take one event.

        Raises:
            SendError: it did not arrive.
        """


@dataclass(frozen=True, slots=True)
class FileSink:
    """Appends events to a file, one JSON object a line, each synced to the disk.

    The file is opened for each event, so that it may be moved away (rotated) at any time.
    """

    path: Path
    name: str = "events-file"

    def send(self, body: str, region: str) -> None:
        del region
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _append(descriptor, body.encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SendError(f"{self.path} cannot be written: {error.strerror}") from error


def _append(descriptor: int, line: bytes) -> None:
    """Write a line whole, or leave the file as it was: a full disk must not leave half a line."""
    size = os.fstat(descriptor).st_size
    try:
        left = memoryview(line)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def signature(secret: bytes, timestamp: int, body: str) -> str:
    """Return a webhook's signature: the time (Unix seconds), and the HMAC-SHA-256 of `TIME.BODY` in hex."""
    told = hmac.digest(secret, f"{timestamp}.{body}".encode(), hashlib.sha256).hex()
    return f"t={timestamp},v1={told}"


@dataclass(slots=True)
class WebhookSink:
    """Posts events to a URL, signed. An answer other than 2xx is a failure; redirects are not followed."""

    url: str
    secret: Secret
    name: str = "events-webhook"
    now: Callable[[], float] = time.time
    _pool: urllib3.PoolManager | None = field(default=None, init=False)

    def send(self, body: str, region: str) -> None:
        del region
        import urllib3  # noqa: PLC0415 - nobody else needs it

        if self._pool is None:
            self._pool = urllib3.PoolManager(timeout=WEBHOOK_SECONDS, retries=False)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"moorage/{__version__}",
            "Moorage-Event-Id": str(json.loads(body)["id"]),
            SIGNATURE_HEADER: signature(self.secret.reveal().encode(), int(self.now()), body),
        }
        try:
            answer = self._pool.request("POST", self.url, body=body.encode(), headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise SendError(f"the webhook did not answer: {type(error).__name__}") from error
        if 200 <= answer.status < 300:
            return
        final = 400 <= answer.status < 500 and answer.status not in _BUSY
        raise SendError(f"the webhook answered {answer.status}", final=final)


@dataclass(frozen=True, slots=True)
class EventBridgeSink:
    """Puts events on a bus. AWS's own refuses sources that begin with `aws.`: `source` replaces it there."""

    endpoint: AwsEndpoint
    source: str
    name: str = "events-endpoint"

    def send(self, body: str, region: str) -> None:
        event = json.loads(body)
        entry: dict[str, Any] = {
            "Time": event["time"],
            "Source": self.source,
            "Resources": event["resources"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"], separators=(",", ":")),
        }
        answer = self.endpoint.call("events", region, "put_events", Entries=[entry])
        if answer.get("FailedEntryCount"):
            told = answer["Entries"][0]
            raise SendError(f"EventBridge: {told.get('ErrorCode')}: {told.get('ErrorMessage')}")
