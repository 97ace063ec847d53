"""The endpoints for operators: /healthz, /readyz, /version, /metrics, and the certificates of its own CAs."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.responses import PlainTextResponse, Response

from moorage import __version__
from moorage.core.secrets import Secret
from moorage.edge import hosts, metrics
from moorage.edge.threads import Threads

if TYPE_CHECKING:
    from starlette.types import Scope

log = structlog.get_logger(__name__)

# A check's answer is given again for so long: many probes are not many database queries.
KEEP_SECONDS = 2.0

Check = Callable[[], None]  # raises what is wrong


@dataclass(slots=True)
class Readiness:
    """Tells what of the things the service stands on works: SQL, blob store, git."""

    checks: Mapping[str, Check]
    _checked: float = float("-inf")
    _states: dict[str, bool] = field(default_factory=dict)

    def states(self) -> Mapping[str, bool]:
        """Return whether each works. Runs in a thread."""
        now = time.monotonic()
        if now - self._checked >= KEEP_SECONDS:
            self._states = {name: _works(name, check) for name, check in self.checks.items()}
            self._checked = now
        return self._states


def _works(name: str, check: Check) -> bool:
    try:
        check()
    except Exception:
        log.warning("not ready", check=name, exc_info=True)
        return False
    return True


@dataclass(frozen=True, slots=True)
class Status:
    """Answers the operators' endpoints."""

    readiness: Readiness
    metrics_token: Secret
    git_version: str
    ca: Path | None = None
    aws_names_ca: Path | None = None
    threads: Threads = field(default_factory=lambda: Threads(2))

    async def answer(self, scope: Scope) -> Response | None:
        """Return the answer to a request, None where its path is none of ours."""
        answers = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/version": self._version,
            "/metrics": self._metrics,
            "/ca.pem": self._ca,
            "/aws-names-ca.pem": self._aws_names_ca,
        }
        found = answers.get(scope["path"])
        if found is None:
            return None
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"allow": "GET, HEAD"})
        return await found(scope)

    async def states(self) -> Mapping[str, bool]:
        """Return what works, for the start page."""
        return await self.threads.run(self.readiness.states)

    async def _healthz(self, _scope: Scope) -> Response:
        return PlainTextResponse("ok\n")

    async def _version(self, _scope: Scope) -> Response:
        return _json({"moorage": __version__, "git": self.git_version})

    async def _readyz(self, _scope: Scope) -> Response:
        states = await self.states()
        shown = {name: "ok" if works else "failed" for name, works in states.items()}
        return _json(shown, 200 if all(states.values()) else 503)

    async def _metrics(self, scope: Scope) -> Response:
        scheme, _, token = hosts.header(scope, b"authorization").partition(b" ")
        expected = self.metrics_token.reveal().encode()
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), expected):
            headers = {"www-authenticate": 'Bearer realm="moorage metrics"'}
            return PlainTextResponse("The metrics ask for their bearer token.\n", 401, headers)
        content = await self.threads.run(metrics.render)
        return Response(content, headers={"content-type": metrics.CONTENT_TYPE})

    async def _ca(self, _scope: Scope) -> Response:
        if self.ca is None:
            return PlainTextResponse("This service's certificate is not from a CA of its own.\n", 404)
        return await self._certificate(self.ca)

    async def _aws_names_ca(self, _scope: Scope) -> Response:
        if self.aws_names_ca is None:
            return PlainTextResponse("This service has no certificate for AWS's names (--aws-names).\n", 404)
        return await self._certificate(self.aws_names_ca)

    async def _certificate(self, file: Path) -> Response:
        return Response(await self.threads.run(file.read_bytes), media_type="application/x-pem-file")


def _json(content: Mapping[str, str], status: int = 200) -> Response:
    return Response(json.dumps(content) + "\n", status, media_type="application/json")
