"""The start page: is the service well, and which lines connect to it. Knows and shows no secret."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from starlette.responses import PlainTextResponse, Response

from moorage import __version__

if TYPE_CHECKING:
    from starlette.types import Scope


class Health(Protocol):
    """Tells which of the things that the service stands on works."""

    async def states(self) -> Mapping[str, bool]: ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A line to paste, and what it does."""

    title: str
    line: str


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("moorage.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("start_page.html")


def _style() -> str:
    environment = Environment(loader=PackageLoader("moorage.console"), autoescape=True)
    return environment.get_template("start_page.css").render().strip()


@dataclass(frozen=True, slots=True)
class StartPage:
    """Answers `/`."""

    health: Health
    regions: Sequence[str]
    connections: Sequence[Connection]
    test_mode: bool = False
    _made: Template = field(default_factory=_template)
    _css: str = field(default_factory=_style)

    async def answer(self, scope: Scope) -> Response | None:
        """Return the page, None for other paths."""
        if scope["path"] != "/":
            return None
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"allow": "GET, HEAD"})
        content = self._made.render(
            states=await self.health.states(),
            regions=self.regions,
            connections=self.connections,
            test_mode=self.test_mode,
            version=__version__,
            css=self._css,
        )
        headers = {
            "content-security-policy": self._policy(),
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-store",
        }
        return Response(content, headers=headers, media_type="text/html")

    def _policy(self) -> str:
        digest = base64.b64encode(hashlib.sha256(self._css.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
