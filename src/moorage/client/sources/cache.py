"""The credentials that the AWS CLI keeps under ~/.aws: read, and written so that the CLI reads them too.

A file holds the JSON of one answer and is named by a digest of the question, exactly as botocore and
the AWS CLI name it. So a role assumed by `aws` (with its MFA code, say) serves git, and the other way
round. Files are replaced in one step, readable by their owner alone.

Source: botocore's JSONFileCache and the `_create_cache_key` of its fetchers.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from datetime import UTC, datetime

from moorage.client.aws_files import home
from moorage.client.sources import Credentials, NoCredentials
from moorage.core.sigv4 import sha256_hex

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping
    from hashlib import sha1
    from typing import Any
else:
    try:
        from _sha1 import sha1  # the interpreter's own; `hashlib` would load OpenSSL for a file's name
    except ImportError:
        from hashlib import sha1

# What lives no longer than this is as good as expired: a git command that starts now needs it for a while.
MIN_SECONDS_LEFT = 5 * 60

MAX_FILE_BYTES = 1024 * 1024


def folder(environment: Mapping[str, str], *parts: str) -> str:
    """Return a folder under ~/.aws."""
    return os.path.join(home(environment), ".aws", *parts)  # noqa: PTH118  # texts, not paths, all along


def role_key(arguments: Mapping[str, str | int]) -> str:
    """Return the name of a role's file: for the arguments of AssumeRole, without a name made up for it."""
    return _digest(json.dumps(dict(arguments), sort_keys=True))


def sso_role_key(*, role: str, account: str, session: str | None, start_url: str) -> str:
    """Return the name of the file with a role's credentials that IAM Identity Center gave."""
    arguments = {"roleName": role, "accountId": account}
    arguments |= {"sessionName": session} if session else {"startUrl": start_url}
    return _digest(json.dumps(arguments, sort_keys=True, separators=(",", ":")))


def sso_token_key(*, session: str | None, start_url: str) -> str:
    return _digest(start_url if session is None else session)


def login_key(session: str) -> str:
    return sha256_hex(session.encode())


def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()  # botocore's choice for names of files


def read(where: str, key: str) -> dict[str, Any] | None:
    """Return what a cache file holds; None when there is none that makes sense."""
    content = read_bounded(os.path.join(where, key + ".json"))  # noqa: PTH118
    try:
        found = json.loads(content) if content is not None else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_bounded(path: str, limit: int = MAX_FILE_BYTES) -> bytes | None:
    """Return a file's bytes; None when it is no file, cannot be read or is larger than `limit`."""
    try:
        # A pipe in the place of a file would otherwise be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            content = file.read(limit + 1)
        except OSError:
            return None
    return content if len(content) <= limit else None


def write(where: str, key: str, value: Mapping[str, Any]) -> None:
    """Put a value into the cache. A cache that cannot be written (a read-only home) is no error."""
    name = f".{key}.{os.getpid()}.{time.monotonic_ns()}.tmp"
    temporary = os.path.join(where, name)  # noqa: PTH118
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        os.makedirs(where, mode=0o700, exist_ok=True)  # noqa: PTH103
        descriptor = os.open(temporary, flags, 0o600)
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(value).encode())
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, os.path.join(where, key + ".json"))  # noqa: PTH105, PTH118
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108


def moment(text: object) -> float | None:
    """Return the Unix time that a text names in one of the forms that AWS's tools write; else None."""
    if not isinstance(text, str):
        return None
    plain = text.strip()
    for zone in ("UTC", "GMT"):
        plain = plain.removesuffix(zone) + ("Z" if plain.endswith(zone) else "")
    try:
        when = datetime.fromisoformat(plain.replace(" Z", "Z"))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def written(at: float) -> str:
    """Return a Unix time in the form that all of AWS's tools read."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def credentials(where: str, key: str, now: float, source: str) -> Credentials | None:
    """Return the credentials that a cache file holds, when they live long enough."""
    held = read(where, key)
    return None if held is None else living(held, now, source)


def living(answer: Mapping[str, Any], now: float, source: str) -> Credentials | None:
    """Return the credentials of an answer that was kept, when they live long enough."""
    return _of_answer(answer, now, source, MIN_SECONDS_LEFT)


def kept(where: str, key: str, answer: Mapping[str, Any], now: float, source: str) -> Credentials:
    """Put an answer into the cache; return its credentials.

    Raises:
        NoCredentials: they have expired already, or are none.
    """
    ours = _of_answer(answer, now, source, 0)
    if ours is None:
        raise NoCredentials(f"{source}: what came is incomplete or has expired already; is this clock right?")
    write(where, key, answer)
    return ours


def _of_answer(answer: Mapping[str, Any], now: float, source: str, seconds: float) -> Credentials | None:
    held = answer.get("Credentials")
    if not isinstance(held, dict):
        return None
    expires_at = moment(held.get("Expiration"))
    if expires_at is None or expires_at - now <= seconds:
        return None
    access_key, secret_key, token = map(held.get, ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    if not (isinstance(access_key, str) and isinstance(secret_key, str) and isinstance(token, str)):
        return None
    return Credentials(access_key, secret_key, token, expires_at, source)
