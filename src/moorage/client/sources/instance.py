"""The credentials that an EC2 instance's metadata service gives, version 2; version 1 where that is all.

Source: botocore's InstanceMetadataProvider and InstanceMetadataFetcher.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING

from moorage.client.sources import Credentials, NoCredentials, cache
from moorage.client.sources.endpoints import is_on, setting
from moorage.client.sources.http_call import Answer, Call, CallFailed, is_loopback, parsed
from moorage.client.sources.told import one_line
from moorage.core.sigv4 import uri_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.client.sources import Asked

ADDRESS = "http://169.254.169.254/"
ADDRESS_IPV6 = "http://[fd00:ec2::254]/"
PLAIN_HOST_IPV6 = "fd00:ec2::254"

TOKEN_PATH = "latest/api/token"  # a path
ROLE_PATH = "latest/meta-data/iam/security-credentials/"
TOKEN_SECONDS = "21600"  # a time
MAX_TIMEOUT_S = 60
MAX_ATTEMPTS = 10

_FIELDS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")


class _NoService(Exception):
    """There is no metadata service here, or it has no role to give."""


def credentials(asked: Asked) -> Credentials | None:
    """Return the credentials of the instance's role; None where there is no such service or role.

    Raises:
        NoCredentials: what is set for the service is wrong.
    """
    if asked.environment.get("AWS_EC2_METADATA_DISABLED", "false").lower() == "true":
        return None
    service = _Service(asked)
    try:
        token = service.token()
        if token is None and is_on(asked, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled"):
            raise NoCredentials("the instance gives no token for its metadata, and version 1 is disabled")
        role = service.get(ROLE_PATH, token).body.decode(errors="replace").strip()
        answer = service.get(ROLE_PATH + uri_encode(role[:1024]), token)
        found = json.loads(answer.body)
    except (_NoService, ValueError, RecursionError):
        return None
    return _credentials(found, asked.now) if isinstance(found, dict) else None


def _credentials(found: Mapping[str, object], now: float) -> Credentials | None:
    texts = [str(found[name]) for name in _FIELDS if isinstance(found.get(name), str) and found[name]]
    if len(texts) < len(_FIELDS):
        return None
    expires_at = cache.moment(texts[3])
    # A metadata service that cannot renew gives expired ones; AWS then still takes them for a while.
    lives = expires_at is not None and expires_at > now
    return Credentials(texts[0], texts[1], texts[2], expires_at if lives else None, "instance")


class _Service:
    def __init__(self, asked: Asked) -> None:
        self._url = _url(asked)
        self._timeout_s = _number(
            asked, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", MAX_TIMEOUT_S
        )
        self._attempts = _number(
            asked, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts", MAX_ATTEMPTS
        )

    def token(self) -> str | None:
        """Return the token of version 2; None where the service knows version 1 only."""
        headers = {"x-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
        for _ in range(self._attempts):
            answer = self._ask(TOKEN_PATH, "PUT", headers)
            if answer is None:
                continue
            if answer.status == 200:
                token = answer.body.decode("latin-1")
                return token if token.isascii() and token.isprintable() else None
            if answer.status in {403, 404, 405}:
                return None
            if answer.status == 400:
                raise _NoService
        return None

    def get(self, path: str, token: str | None) -> Answer:
        headers = {} if token is None else {"x-aws-ec2-metadata-token": token}
        for _ in range(self._attempts):
            answer = self._ask(path, "GET", headers)
            if answer is not None and answer.status == 200 and answer.body:
                return answer
        raise _NoService

    def _ask(self, path: str, method: str, headers: Mapping[str, str]) -> Answer | None:
        try:
            return Call(self._url + path, method, headers, timeout_s=self._timeout_s).answer()
        except CallFailed:
            return None


def _url(asked: Asked) -> str:
    """Return the service's address, with a slash at its end.

    Raises:
        NoCredentials: the one that is set is none, or plain http to a host of the network.
    """
    given = setting(asked, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
    if given is None:
        return ADDRESS_IPV6 if _wants_ipv6(asked) else ADDRESS
    try:
        parts = parsed(given)
    except CallFailed as error:
        raise NoCredentials(f"the metadata service endpoint that is set is wrong: {error}") from None
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise NoCredentials(
            f"the metadata service endpoint {one_line(given, 100)} is plain http to a host of the network: "
            "only loopback and link-local addresses may be asked so"
        )
    return given if given.endswith("/") else given + "/"


def _wants_ipv6(asked: Asked) -> bool:
    mode = setting(asked, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")
    if mode is None:
        return is_on(asked, "AWS_IMDS_USE_IPV6", "imds_use_ipv6")
    if mode.lower() not in {"ipv4", "ipv6"}:
        raise NoCredentials(f"ec2_metadata_service_endpoint_mode is {one_line(mode, 40)}: it is ipv4 or ipv6")
    return mode.lower() == "ipv6"


def _is_near(host: str) -> bool:
    try:
        link_local = ipaddress.ip_address(host).is_link_local
    except ValueError:
        link_local = False
    return link_local or is_loopback(host) or host == PLAIN_HOST_IPV6


def _number(asked: Asked, variable: str, name: str, most: int) -> int:
    text = setting(asked, variable, name) or "1"
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise NoCredentials(f"{name} is {one_line(text, 40)}: it is a number from 1")
    return min(number, most)
