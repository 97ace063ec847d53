"""What the command line of `moorage setup` says, and where it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from moorage.client.setup.facts import Scope
from moorage.client.setup.routing import Way

# For the whole profile, or for the services alone that a moorage server speaks.
Endpoint = Literal["profile", "services"]


class Terminal(Protocol):
    """Where setup speaks. `ask` gives None where nobody answers."""

    def ask(self, question: str) -> str | None: ...
    def say(self, text: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `route_to` is the address or proxy that a way of routing needs."""

    url: str | None = None
    profile: str | None = None
    region: str | None = None
    ca: Path | None = None
    scope: Scope = "global"
    only: bool = False
    guide: bool = False
    aws_config: Endpoint | None = None
    route: Way | None = None
    route_to: str | None = None
    yes: bool = False
    dry_run: bool = False
    check: bool = True
