"""Which door, service, operation and region a request asks for. Nothing is believed yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.auth import claims
from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models, query

if TYPE_CHECKING:
    from starlette.types import Scope

    from moorage.wire.regions import HostName, Regions

# The service a request that names none is answered as: its refusals are what AWS's front door says.
NAMELESS = "sts"

_API_SERVICES = frozenset(models.SERVICES)
_SCOPE = re.compile(rb"Credential=[^/,\s]+/\d{8}/[^/,\s]+/(?P<service>[a-z0-9-]+)/aws4_request")
_PRESIGNED = re.compile(rb"(?:^|&)(?:Action|X-Amz-Signature|X-Amz-Algorithm)=")


@dataclass(frozen=True, slots=True)
class Asked:
    """What an API request asks for.

    `region` is the one the host names, if any. `message` is the JSON body, or the fields of a form.
    """

    service: str
    region: str | None
    operation: str | None
    version: str | None
    message: bytes | Mapping[str, str]


def header(scope: Scope, name: bytes) -> bytes:
    """Return a header's first value; empty where there is none. `name` is lower-case."""
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found


def host_name(scope: Scope, regions: Regions) -> HostName | None:
    """Return what the Host header asks for, if it is one of the service's names."""
    return regions.parse_host(header(scope, b"host").decode("latin-1"))


def is_api(scope: Scope, regions: Regions) -> bool:
    """Tell whether a request that is not Git's is for the AWS APIs and not for a page."""
    if scope["method"] == "POST" and scope["path"] == "/":
        return True
    if scope["method"] == "GET" and scope["path"] == "/" and _PRESIGNED.search(scope["query_string"]):
        return True
    named = host_name(scope, regions)
    return named is not None and named.service in _API_SERVICES and scope["path"] == "/"


def service_of(scope: Scope, regions: Regions) -> str | None:
    """Return the service as far as the head tells it: by host, target or credential scope."""
    named = host_name(scope, regions)
    if named is not None and named.service in _API_SERVICES:
        return named.service
    target = models.by_target(header(scope, b"x-amz-target").decode("latin-1"))
    if target is not None:
        return target[0]
    claimed = _SCOPE.search(header(scope, b"authorization"))
    service = claimed["service"].decode() if claimed else None
    return service if service in _API_SERVICES else None


def asked(scope: Scope, body: bytes, regions: Regions) -> Asked:
    """Read what a request asks for.

    Raises:
        Fault: it names no operation of a service that moorage speaks, or its form cannot be read.
    """
    named = host_name(scope, regions)
    region = named.region if named is not None else None
    target = header(scope, b"x-amz-target").decode("latin-1")
    if target:
        found = models.by_target(target)
        service = service_of(scope, regions)
        if found is None or service is None:
            raise Fault(faults.INVALID_ACTION, "", target=target)
        # A target of another service than the host's is an operation that the host's does not have.
        operation = found[1] if found[0] == service else None
        return Asked(service, region, operation, None, body)
    form = query.read_form(
        body, scope["query_string"].decode("latin-1"), header(scope, b"content-type").decode("latin-1")
    )
    service = _form_service(scope, regions, form.version)
    if service is None or (form.action is None and models.protocol(service) == "query"):
        raise claims.missing()
    return Asked(service, region, form.action, form.version, form.fields)


def _form_service(scope: Scope, regions: Regions, version: str | None) -> str | None:
    named = host_name(scope, regions)
    if named is not None and named.service in _API_SERVICES:
        return named.service
    return models.by_version(version or "") or service_of(scope, regions)
