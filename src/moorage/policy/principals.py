"""Who is named by the Principal and NotPrincipal elements of resource and trust policies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from moorage.core.principal import Principal
from moorage.policy.errors import PolicyError, quote

OutsiderKind = Literal["Service", "Federated", "CanonicalUser", "Anonymous"]

_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_EVERYONE = "*"
_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT_ARN = re.compile(r"arn:([a-z0-9-]+):iam::([0-9]{12}):root")
_NAMED_ARN = re.compile(
    r"arn:[a-z0-9-]+:(?:iam::[0-9]{12}:(?:user|role)/.+"
    r"|sts::[0-9]{12}:(?:assumed-role/[^/]+|federated-user)/[\w+=,.@-]{2,64})",
    re.ASCII,
)
# A user, role or role session whose ARN was replaced by its unique id when the policy was saved.
_UNIQUE_ID = re.compile(r"(?:AIDA|AROA)[A-Z0-9]{12,124}|AROA[A-Z0-9]{12,124}:[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outsider:
    """Who calls without being a principal of an account: a service, an identity provider's user.

    `name` is what a policy names it by: `codecommit.amazonaws.com`, a provider's ARN.
    """

    kind: OutsiderKind
    name: str = ""


class Grant(IntEnum):
    """How directly an Allow of a resource policy names the caller; a larger one is stronger."""

    NONE = 0
    ACCOUNT = 1  # the caller's account: its own policies must allow as well
    ISSUER = 2  # the role or user behind a session: boundary and session policy still limit it
    DIRECT = 3  # the very principal, or everyone: nothing but an explicit deny limits it


@dataclass(frozen=True, slots=True)
class Names:
    """Every name the caller of one request may be called by."""

    own: frozenset[str]
    issuer: frozenset[str] = frozenset()
    account: frozenset[str] = frozenset()
    outsider: Outsider | None = None


def names_of(principal: Principal | Outsider) -> Names:
    """Collect the names by which a policy may mean this principal."""
    if isinstance(principal, Outsider):
        return Names(frozenset(), outsider=principal)
    account = frozenset({principal.account_id, f"arn:{principal.partition}:iam::{principal.account_id}:root"})
    own = frozenset({principal.arn, principal.unique_id}) - account
    session = principal.session
    if session is None or principal.kind not in {"role-session", "federated-user"}:
        return Names(own, account=account)
    return Names(own, frozenset({session.issuer_arn, session.issuer_id}) - account, account)


class PrincipalPattern:
    """A compiled Principal or NotPrincipal element."""

    __slots__ = ("_aws", "_everyone", "_others", "inverted")

    def __init__(self, named: Mapping[str, Iterable[str]], *, everyone: bool, inverted: bool) -> None:
        self._everyone = everyone
        self._aws = frozenset(named.get("AWS", ()))
        self._others = frozenset(
            (kind, name) for kind, every in named.items() if kind != "AWS" for name in every
        )
        self.inverted = inverted

    def grant(self, names: Names) -> Grant:
        """Tell how directly the element names the caller."""
        outsider = names.outsider
        if outsider is not None:
            anonymous = outsider.kind == "Anonymous" and _EVERYONE in self._aws
            named = self._everyone or anonymous or (outsider.kind, outsider.name) in self._others
            return Grant.DIRECT if named else Grant.NONE
        if self._everyone or _EVERYONE in self._aws or names.own & self._aws:
            return Grant.DIRECT
        if names.issuer & self._aws:
            return Grant.ISSUER
        return Grant.ACCOUNT if names.account & self._aws else Grant.NONE

    def excludes(self, names: Names) -> bool:
        """Tell whether a Deny with NotPrincipal spares the caller.

        It does only where the list names all that the caller is: the account, the role or user
        behind a session, and the principal itself. That is AWS's advice for such lists; where it
        is not followed AWS may deny, so we do.
        """
        if names.outsider is not None or self._everyone or _EVERYONE in self._aws:
            return self.grant(names) is not Grant.NONE
        levels = [level for level in (names.own, names.issuer, names.account) if level]
        return all(level & self._aws for level in levels)


def read_principal(element: object, *, inverted: bool) -> PrincipalPattern:
    """Compile the value of a Principal or NotPrincipal element.

    Raises:
        PolicyError: neither "*" nor an object of known types, each with names in a known form.
    """
    if element == _EVERYONE:
        return PrincipalPattern({}, everyone=True, inverted=inverted)
    if not isinstance(element, dict) or not element:
        raise PolicyError('it must be "*" or an object, as {"AWS": "arn:aws:iam::123456789012:user/Mary"}.')
    named: dict[str, list[str]] = {}
    for kind, value in element.items():
        if kind not in _TYPES:
            raise PolicyError(f"{quote(kind)} is no type of principal; there are {', '.join(_TYPES)}.")
        every = value if isinstance(value, list) else [value]
        if not every:
            raise PolicyError(f"{kind} names nobody; give at least one name.")
        named[kind] = [_aws_name(each) if kind == "AWS" else _other_name(kind, each) for each in every]
    return PrincipalPattern(named, everyone=False, inverted=inverted)


def _aws_name(value: object) -> str:
    if not isinstance(value, str):
        raise PolicyError("AWS: every name must be a string; put account ids in quotes.")
    if (
        value == _EVERYONE
        or _ACCOUNT.fullmatch(value)
        or _ROOT_ARN.fullmatch(value)
        or _UNIQUE_ID.fullmatch(value)
    ):
        return value
    if "*" in value or "?" in value:
        raise PolicyError(
            f"AWS: {quote(value)} has a wildcard in part of a name, which is not allowed; "
            'use "*" with a condition on aws:PrincipalArn.'
        )
    if _NAMED_ARN.fullmatch(value) is None:
        raise PolicyError(
            f"AWS: {quote(value)} is no principal; give an account id, the ARN of a user, role, "
            'role session, federated user or account root, or "*".'
        )
    return value


def _other_name(kind: str, value: object) -> str:
    if not isinstance(value, str) or not value or "*" in value or "?" in value:
        raise PolicyError(f"{kind}: each name must be a full one, without wildcards.")
    return value
