"""The question put to the policies, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from moorage.core.principal import Principal
from moorage.policy.document import NamedPolicy
from moorage.policy.principals import Outsider
from moorage.policy.statement import Statement

Reason = Literal["allowed", "explicit deny", "implicit deny"]
Layer = Literal[
    "identity-based policy",
    "permissions boundary",
    "session policy",
    "resource-based policy",
    "role trust policy",
    "root user",
]

NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Access:
    """One principal wanting one action on one resource.

    `context` holds the condition keys of the request, each with all its values; a key without
    values counts as absent. Key names differ by more than case: two that do not are one key.
    """

    principal: Principal | Outsider
    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_CONTEXT)
    # The account that owns the resource; empty means the principal's own.
    resource_account: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say, and which of them decided.

    For "allowed" and "explicit deny", `policy` and `statement` are the ones that matched (none for
    a root user). For "implicit deny", `layer` is the kind of policy that would have had to allow
    the access, and `policy` the one of that kind, where there is just one.
    """

    allowed: bool
    reason: Reason
    layer: Layer
    policy: NamedPolicy | None = None
    statement: Statement | None = None
