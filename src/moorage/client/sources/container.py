"""The credentials that a container's host gives (ECS, EKS pod identity, `moorage imds`, desktop agents).

Source: botocore's ContainerProvider and ContainerMetadataFetcher.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from moorage.client.sources import Credentials, NoCredentials, cache
from moorage.client.sources.http_call import Call, CallFailed, is_loopback, parsed
from moorage.client.sources.told import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moorage.client.sources import Asked

RELATIVE, FULL = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN, TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

HOST = "169.254.170.2"
# Who besides loopback may be asked over plain http: the hosts of ECS and of EKS pod identity.
PLAIN_HOSTS = frozenset({HOST, "169.254.170.23", "fd00:ec2::23"})

TIMEOUT_S = 2
ATTEMPTS = 3
PAUSE_S = 1
MAX_TOKEN_BYTES = 64 * 1024

_FIELDS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")


def credentials(asked: Asked, pause: Callable[[float], None] = time.sleep) -> Credentials | None:
    """Return what the container's host gives; None where the environment names none.

    Raises:
        NoCredentials: it is a host that may not be asked, or it gives none.
    """
    url = url_of(asked.environment)
    if url is None:
        return None
    call = Call(url, headers=_headers(asked.environment), timeout_s=TIMEOUT_S)
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(PAUSE_S)
        try:
            found = _answer(call)
        except CallFailed as error:
            reason = str(error)
        else:
            return _credentials(found, asked.now)
    raise NoCredentials(f"the container's credentials: {reason}")


def url_of(environment: Mapping[str, str]) -> str | None:
    """Return the URL that gives a container its credentials.

    Raises:
        NoCredentials: it is none, or it is plain http to a host that is neither this one nor AWS's.
    """
    relative = environment.get(RELATIVE)
    if relative is not None:
        if not relative.startswith("/"):  # it would become a part of the host's name
            raise NoCredentials(f"{RELATIVE} is {one_line(relative, 100)!r}: it must begin with a slash")
        return f"http://{HOST}{relative}"
    url = environment.get(FULL)
    if url is None:
        return None
    try:
        parts = parsed(url)
    except CallFailed as error:
        raise NoCredentials(f"{FULL}: {error}") from None
    if parts.scheme == "http" and not is_loopback(parts.hostname) and parts.hostname not in PLAIN_HOSTS:
        raise NoCredentials(
            f"{FULL} is plain http to {one_line(parts.netloc, 100)}: only this machine and "
            f"{', '.join(sorted(PLAIN_HOSTS))} may be asked so; use https"
        )
    return url


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    token = environment.get(TOKEN)
    if TOKEN_FILE in environment:
        content = cache.read_bounded(environment[TOKEN_FILE], MAX_TOKEN_BYTES)
        if content is None:
            raise NoCredentials(f"{TOKEN_FILE}: {one_line(environment[TOKEN_FILE])} cannot be read")
        token = content.decode("latin-1")
    if token is not None:
        if any(char in token for char in "\r\n\0"):
            raise NoCredentials("the authorization token of the container holds a line end: remove it")
        headers["Authorization"] = token
    return headers


def _answer(call: Call) -> dict[str, object]:
    answer = call.answer()
    host = parsed(call.url).netloc
    if answer.status != 200:
        told = one_line(answer.body.decode(errors="replace"))
        raise CallFailed(f"{host} answered with status {answer.status}" + (f": {told}" if told else ""))
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CallFailed(f"{host} answered with no JSON object")
    return found


def _credentials(found: Mapping[str, object], now: float) -> Credentials:
    texts = [str(found[name]) for name in _FIELDS if isinstance(found.get(name), str) and found[name]]
    expires_at = cache.moment(found.get("Expiration"))
    if len(texts) < len(_FIELDS) or expires_at is None:
        raise NoCredentials(f"the container's host answered without one of {', '.join(_FIELDS)}")
    if expires_at <= now:
        raise NoCredentials(f"the container's credentials expired at {cache.written(expires_at)}")
    return Credentials(texts[0], texts[1], texts[2], expires_at, "container")
