"""The instance metadata service of EC2, and the container credentials endpoint of ECS, for one machine.

As much of them as AWS's command lines and SDKs read. Version 2 of the protocol: a session token comes
first, by PUT, so that a page or proxy that can be made to GET an address gets nothing.

Source: Amazon EC2 User Guide, "Use the Instance Metadata Service".
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from moorage.auth.instance_credentials import NoProfile, NoRole, Untrusted
from moorage.core.faults import Fault

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from moorage.auth.instance_credentials import InstanceCredentials, Issued
    from moorage.core.clock import Clock
    from moorage.core.secrets import Secret

TOKEN_PATH = "/latest/api/token"
MAX_TTL_SECONDS = 21_600

_TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN_HEADER = "X-aws-ec2-metadata-token"
_META_DATA = "/latest/meta-data/"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_MAC_BYTES = 32

# What there is, as the listings of folders tell it.
_FOLDERS = {
    "/latest/": "dynamic\nmeta-data",
    _META_DATA: "iam/\ninstance-id\nplacement/",
    "/latest/meta-data/iam/": "info\nsecurity-credentials/",
    "/latest/meta-data/placement/": "availability-zone\nregion",
    "/latest/dynamic/": "instance-identity/",
    "/latest/dynamic/instance-identity/": "document",
}


@dataclass(frozen=True, slots=True)
class Door:
    """How the service is to be entered. `container_path` cannot be guessed, as on ECS."""

    key: Secret  # of the session tokens, made anew at each start
    container_path: str
    allow_v1: bool = False


@dataclass(frozen=True, slots=True)
class MetadataApp:
    """Answers every request of the metadata service; an ASGI application."""

    credentials: InstanceCredentials
    clock: Clock
    door: Door
    started_at: datetime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer: Response = await run_in_threadpool(self.answer, Request(scope))
        except Fault as fault:  # a busy database; SDKs ask again
            answer = PlainTextResponse(fault.message, fault.status)
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """Return the answer to a request; its body is never looked at."""
        if not _is_direct(request):
            return Response(status_code=403)
        path = request.url.path
        if path == TOKEN_PATH:
            return self._token(request)
        if request.method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        # The path is the secret here: a comparison must not tell how much of it was right.
        if hmac.compare_digest(path.encode(), self.door.container_path.encode()):
            return self._container()
        if not self._may_enter(request):
            return Response(status_code=401)
        return self._page(path)

    def _token(self, request: Request) -> Response:
        if request.method != "PUT":
            return Response(status_code=405, headers={"Allow": "PUT"})
        ttl = request.headers.get(_TTL_HEADER, "")
        if re.fullmatch(r"[0-9]{1,5}", ttl, re.ASCII) is None or not 1 <= int(ttl) <= MAX_TTL_SECONDS:
            return Response(status_code=400)
        expires_at = self.clock.now() + timedelta(seconds=int(ttl))
        until = int(expires_at.timestamp()).to_bytes(8, "big")
        token = base64.urlsafe_b64encode(until + self._mac(until)).decode("ascii")
        return PlainTextResponse(token, headers={_TTL_HEADER: ttl})

    def _may_enter(self, request: Request) -> bool:
        token = request.headers.get(_TOKEN_HEADER)
        if token is None:
            return self.door.allow_v1
        try:
            content = base64.b64decode(token.encode("ascii"), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        until, mac = content[:-_MAC_BYTES], content[-_MAC_BYTES:]
        good = hmac.compare_digest(mac, self._mac(until))
        return good and self.clock.now().timestamp() < int.from_bytes(until, "big")

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self.door.key.reveal().encode(), content, "sha256")

    def _page(self, path: str) -> Response:
        page = _PAGES.get(path)
        try:
            if page is not None:
                return page(self)
            if path in _FOLDERS or f"{path}/" in _FOLDERS:
                return PlainTextResponse(_FOLDERS[path if path in _FOLDERS else f"{path}/"])
            return self._role(path)
        except (NoProfile, NoRole):
            return _missing()

    def _role(self, path: str) -> Response:
        if not path.startswith(_ROLES) or path.removeprefix(_ROLES) != self.credentials.held().role.name:
            return _missing()
        try:
            _, issued = self.credentials.current()
        except Untrusted as untrusted:
            return _json(self._untrusted(untrusted.role))
        return _json(
            {
                "Code": "Success",
                "LastUpdated": _moment(issued.issued_at),
                "Type": "AWS-HMAC",
                **_keys(issued),
            }
        )

    def _untrusted(self, role: str) -> dict[str, str]:
        return {
            "Code": "AssumeRoleUnauthorizedAccess",
            "Message": f"EC2 cannot assume the role {role}. Let its trust policy allow sts:AssumeRole to "
            '{"Service": "ec2.amazonaws.com"}.',
            "LastUpdated": _moment(self.clock.now()),
        }

    def _container(self) -> Response:
        try:
            held, issued = self.credentials.current()
        except (NoProfile, NoRole):
            return _json({"code": "NoRole", "message": "The instance profile holds no role."}, status=404)
        except Untrusted as untrusted:
            said = self._untrusted(untrusted.role)
            return _json({"code": said["Code"], "message": said["Message"]}, status=403)
        return _json({"RoleArn": held.role_arn, **_keys(issued)})


def _is_direct(request: Request) -> bool:
    """Tell whether a request came straight from this machine, not through a proxy or a foreign name.

    A page whose name was made to resolve to loopback still sends that name as the host.
    """
    if "x-forwarded-for" in request.headers:
        return False
    host = request.url.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _roles(app: MetadataApp) -> Response:
    return PlainTextResponse(app.credentials.held().role.name)


def _info(app: MetadataApp) -> Response:
    held = app.credentials.held()
    return _json(
        {
            "Code": "Success",
            "LastUpdated": _moment(app.clock.now()),
            "InstanceProfileArn": held.profile_arn,
            "InstanceProfileId": held.profile.profile_id,
        }
    )


def _zone(app: MetadataApp) -> str:
    return f"{app.credentials.instance.region}a"


def _document(app: MetadataApp) -> Response:
    instance = app.credentials.instance
    return _json(
        {
            "accountId": instance.account_id,
            "availabilityZone": _zone(app),
            "instanceId": instance.instance_id,
            "pendingTime": _moment(app.started_at),
            "privateIp": "127.0.0.1",
            "region": instance.region,
            "version": "2017-09-30",
        }
    )


_PAGES: dict[str, Callable[[MetadataApp], Response]] = {
    _ROLES: _roles,
    _ROLES.rstrip("/"): _roles,
    "/latest/meta-data/iam/info": _info,
    "/latest/meta-data/instance-id": lambda app: PlainTextResponse(app.credentials.instance.instance_id),
    "/latest/meta-data/placement/availability-zone": lambda app: PlainTextResponse(_zone(app)),
    "/latest/meta-data/placement/region": lambda app: PlainTextResponse(app.credentials.instance.region),
    "/latest/dynamic/instance-identity/document": _document,
}


def _keys(issued: Issued) -> dict[str, str]:
    made = issued.credentials
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret.reveal(),
        "Token": made.session_token.reveal(),
        "Expiration": _moment(made.expires_at),
    }


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(content: Mapping[str, Any], *, status: int = 200) -> Response:
    return Response(json.dumps(content, indent=2), status, media_type="application/json")


def _missing() -> Response:
    return PlainTextResponse("Not Found", status_code=404)
