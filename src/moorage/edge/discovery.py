"""`/.well-known/moorage.json`: what a client must know to be set up for this service, told to everybody.

It is made once, of settings alone: nothing of a request is in it, least of all its Host header, and no
secret. The client's `moorage setup` reads it (`moorage.client.discovery`), see docs/mechanisms/discovery.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response

from moorage import __version__
from moorage.edge import hosts

if TYPE_CHECKING:
    from starlette.types import Scope

PATH = "/.well-known/moorage.json"
# The AWS APIs answer on one base URL; the document names each, so that they may part one day.
SERVICES = ("codecommit", "iam", "kms", "sts")
# Settings change with a restart: who asked before learns of it soon.
KEEP_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where clients find this service; all of it from settings.

    `clone_url_prefixes` maps each region to what stands before a repository's name; `ca` and `aws_names_ca`
    are URLs of certificates; `ssh` is (port, the only region served there or None).
    """

    domain: str
    default_region: str
    api: str
    clone_url_prefixes: Mapping[str, str]
    ca: str | None = None
    aws_names_ca: str | None = None
    ssh: Sequence[tuple[int, str | None]] = ()


def document(found: Surroundings) -> bytes:
    """Return the document, as JSON."""
    told: dict[str, Any] = {
        "service": "moorage",
        "version": __version__,
        "domain": found.domain,
        "default_region": found.default_region,
        "regions": sorted(found.clone_url_prefixes),
        "endpoints": dict.fromkeys(SERVICES, found.api),
        "clone_url_prefixes": dict(sorted(found.clone_url_prefixes.items())),
        "ssh": [{"port": port, "region": region} for port, region in found.ssh],
        "ca": found.ca,
        "aws_names": None if found.aws_names_ca is None else {"ca": found.aws_names_ca},
    }
    return json.dumps(told, indent=1).encode() + b"\n"


class Discovery:
    """Answers with the document."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._headers = {
            "cache-control": f"public, max-age={KEEP_SECONDS}",
            "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        }

    async def answer(self, scope: Scope) -> Response | None:
        """Return the answer to a request, None where its path is another."""
        if scope["path"] != PATH:
            return None
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"allow": "GET, HEAD"})
        if hosts.header(scope, b"if-none-match") == self._headers["etag"].encode():
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers, media_type="application/json")
