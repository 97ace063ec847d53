"""Who stands at the Git door: a verified request, before and after the questions it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.principal import Caller
from moorage.edge.git_request import UPLOAD_PACK, GitRequest
from moorage.repos.access import PULL, PUSH, Access

if TYPE_CHECKING:
    from moorage.auth.authenticate import GitIdentity


@dataclass(frozen=True, slots=True)
class Visitor:
    """A request whose credential is right, or was right until it expired."""

    request: GitRequest
    identity: GitIdentity
    caller: Caller

    @property
    def action(self) -> str:
        return PULL if self.request.service == UPLOAD_PACK else PUSH


@dataclass(frozen=True, slots=True)
class Entered:
    """A visitor who passed every question asked before refs or objects are looked at."""

    visitor: Visitor
    access: Access
