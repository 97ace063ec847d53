"""IAM's evaluation logic: from a request and all policies that bear on it to one decision.

Source: IAM User Guide, "Policy evaluation logic" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moorage.core.principal import Principal
from moorage.policy.access import Access, Decision, Layer, Reason
from moorage.policy.conditions import Condition, NullCondition
from moorage.policy.document import NamedPolicy, PolicySet
from moorage.policy.patterns import split_arn
from moorage.policy.principals import Grant, Names, Outsider, names_of
from moorage.policy.statement import Statement
from moorage.policy.templates import Keys


@dataclass(frozen=True, slots=True)
class _Match:
    policy: NamedPolicy
    statement: Statement


class Question:
    """An access, prepared once for all the statements it is put to."""

    __slots__ = ("_access", "_bounded", "_keys", "_names", "_parts", "action", "last_part")

    def __init__(self, access: Access, *, bounded: bool) -> None:
        self._access = access
        self._parts = split_arn(access.resource)
        self._bounded = bounded
        # Made when a statement asks for them: most questions are settled by fewer.
        self._keys: Keys | None = None
        self._names: Names | None = None
        self.action = access.action.lower()
        self.last_part = None if self._parts is None else self._parts[-1]

    @property
    def keys(self) -> Keys:
        """The context, with names in lower case."""
        if self._keys is None:
            self._keys = _lower_names(self._access.context)
        return self._keys

    @property
    def names(self) -> Names:
        """By what names policies of resources can mean the caller."""
        if self._names is None:
            self._names = names_of(self._access.principal)
        return self._names

    def covered_by(self, statement: Statement) -> bool:
        return statement.covers(self._access.resource, self._parts, self.keys)

    def fits(self, statement: Statement) -> bool | None:
        """Tell whether a statement means the resource; None where a variable of it has no value."""
        return statement.fits(self._access.resource, self._parts, self.keys)

    def unmet(self, statement: Statement) -> tuple[Condition | NullCondition, ...]:
        """Return the conditions of a statement that do not hold."""
        return tuple(each for each in statement.conditions if not each.holds(self.keys))

    def missing(self, statement: Statement) -> tuple[str, ...]:
        """Return the condition keys that a statement asks for and the request has not."""
        return tuple(key for key in statement.context_keys if not self.keys.get(key.lower()))

    def named_by(self, statement: Statement) -> Grant:
        """Tell how directly a statement of a resource policy is about the caller."""
        principals = statement.principals
        if principals is None:
            return Grant.NONE
        if not principals.inverted:
            return principals.grant(self.names)
        # AWS: a Deny with NotPrincipal hits everybody who has a boundary, whomever it lists.
        spared = principals.excludes(self.names) and not self._bounded
        return Grant.NONE if spared else Grant.DIRECT


def _lower_names(context: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    keys: dict[str, tuple[str, ...]] = {}
    for name, found in context.items():
        key = name.lower()
        keys[key] = keys[key] + found if key in keys else found
    return keys


@dataclass(frozen=True, slots=True)
class _Findings:
    """What one kind of policy says: the first Deny and the best Allow that match."""

    layer: Layer
    deny: _Match | None = None
    allow: _Match | None = None
    # Only policies of resources name principals; the others speak of whom they are attached to.
    grant: Grant = Grant.NONE


def _look(layer: Layer, policies: Iterable[NamedPolicy], question: Question) -> _Findings:
    allow: _Match | None = None
    for policy in policies:
        for statement in policy.document.about(question.action).candidates(question.last_part):
            denies = statement.effect == "Deny"
            if (denies or allow is None) and question.covered_by(statement):
                if denies:
                    return _Findings(layer, deny=_Match(policy, statement))
                allow = _Match(policy, statement)
    return _Findings(layer, allow=allow)


def _look_at_resource(policy: NamedPolicy | None, question: Question) -> _Findings:
    if policy is None:
        return _Findings("resource-based policy")
    layer: Layer = "role trust policy" if policy.document.kind == "trust" else "resource-based policy"
    best = _Findings(layer)
    for statement in policy.document.about(question.action).candidates(question.last_part):
        named = question.named_by(statement)
        denies = statement.effect == "Deny" and named is not Grant.NONE
        if (denies or named > best.grant) and question.covered_by(statement):
            if denies:
                return _Findings(layer, deny=_Match(policy, statement))
            best = _Findings(layer, allow=_Match(policy, statement), grant=named)
    return best


def decide(
    access: Access,
    policies: PolicySet,
    resource_policy: NamedPolicy | None = None,
    *,
    resource_policy_must_allow: bool = False,
) -> Decision:
    """Decide whether an access is allowed, and by or for want of which statement.

    `resource_policy_must_allow` is for KMS keys and for roles: there the resource's own policy has
    to name the principal, or the account to which it leaves the choice, even within one account.
    A root user needs no identity policy, but everything else binds it too.
    """
    question = Question(access, bounded=policies.boundary is not None)
    identity = _look("identity-based policy", policies.identity, question)
    boundary = _look("permissions boundary", (policies.boundary,) if policies.boundary else (), question)
    session = _look("session policy", policies.session or (), question)
    resource = _look_at_resource(resource_policy, question)
    for findings in (identity, boundary, session, resource):
        if findings.deny:
            return _decision("explicit deny", findings.layer, findings.deny)

    abroad = _is_abroad(access)
    if resource.grant is Grant.NONE and (resource_policy_must_allow or abroad):
        return Decision(False, "implicit deny", resource.layer, resource_policy)
    if resource.grant is Grant.DIRECT and (not abroad or isinstance(access.principal, Outsider)):
        return _decision("allowed", resource.layer, resource.allow)
    if resource.grant is Grant.ISSUER and not abroad:
        identity = resource
    return _within_limits(access.principal, policies, identity, boundary, session)


def _is_abroad(access: Access) -> bool:
    """Tell whether the resource belongs to another account than the principal."""
    if isinstance(access.principal, Outsider):
        return True
    return access.resource_account not in {"", access.principal.account_id}


def _within_limits(
    principal: Principal | Outsider,
    policies: PolicySet,
    granting: _Findings,
    boundary: _Findings,
    session: _Findings,
) -> Decision:
    """Ask the principal's own policies: one must grant, and none of the limits may lack it."""
    is_root = isinstance(principal, Principal) and principal.kind == "root"
    if granting.allow is None and not is_root:
        return Decision(False, "implicit deny", granting.layer, _only(policies.identity))
    if policies.boundary is not None and boundary.allow is None:
        return Decision(False, "implicit deny", boundary.layer, policies.boundary)
    if policies.session is not None and session.allow is None:
        return Decision(False, "implicit deny", session.layer, _only(policies.session))
    return _decision("allowed", granting.layer if granting.allow else "root user", granting.allow)


def _only(policies: tuple[NamedPolicy, ...]) -> NamedPolicy | None:
    return policies[0] if len(policies) == 1 else None


def _decision(reason: Reason, layer: Layer, match: _Match | None) -> Decision:
    policy, statement = (match.policy, match.statement) if match else (None, None)
    return Decision(reason == "allowed", reason, layer, policy, statement)
