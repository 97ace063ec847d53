"""Why an access is allowed or not, whole: each kind of policy's word, and what would have to change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from moorage.core.principal import Principal
from moorage.policy.access import Access, Decision
from moorage.policy.decide import decide
from moorage.policy.document import Document, NamedPolicy, PolicySet
from moorage.policy.examine import LayerReport, NearMiss, examine
from moorage.policy.explain import explain, printable, statement_called
from moorage.policy.parse import parse
from moorage.policy.positions import statement_spans
from moorage.policy.statement import Statement


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision in full. `remedies` together would turn a refusal into an allow; empty for an allow."""

    access: Access
    decision: Decision
    layers: tuple[LayerReport, ...]
    remedies: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The decision in AWS's words."""
        return explain(self.decision, self.access)

    @property
    def missing(self) -> tuple[str, ...]:
        """The condition keys that policies ask for and the request has not."""
        return tuple(dict.fromkeys(key for layer in self.layers for key in layer.missing))


def account_for(
    access: Access,
    policies: PolicySet,
    resource_policy: NamedPolicy | None = None,
    *,
    resource_policy_must_allow: bool = False,
) -> Explanation:
    """Decide an access and explain the decision; the arguments are those of `decide`."""
    decision = decide(
        access, policies, resource_policy, resource_policy_must_allow=resource_policy_must_allow
    )
    layers = examine(access, policies, resource_policy)
    remedies = (
        ()
        if decision.allowed
        else _remedies(access, _Case(policies, resource_policy, resource_policy_must_allow), layers)
    )
    return Explanation(access, decision, layers, remedies)


def text_of(policy: NamedPolicy, statement: Statement) -> str:
    """Return a statement as it is written in its policy."""
    text = policy.document.text
    span = statement_spans(text)[statement.index - 1]
    return text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class _Case:
    """All policies that a decision rests on, to be changed in thought."""

    policies: PolicySet
    resource: NamedPolicy | None
    must_allow: bool

    def decide(self, access: Access) -> Decision:
        return decide(access, self.policies, self.resource, resource_policy_must_allow=self.must_allow)

    def without(self, denies: frozenset[int]) -> _Case:
        """Return the case without some statements, told by their identity."""
        policies = self.policies
        return _Case(
            PolicySet(
                tuple(_without(policy, denies) for policy in policies.identity),
                None if policies.boundary is None else _without(policies.boundary, denies),
                None
                if policies.session is None
                else tuple(_without(policy, denies) for policy in policies.session),
            ),
            None if self.resource is None else _without(self.resource, denies),
            self.must_allow,
        )

    def with_allow(self, layer: str, access: Access) -> _Case:
        """Return the case with everything allowed by one kind of policy."""
        policies = self.policies
        if layer == "permissions boundary":
            return replace(self, policies=replace(policies, boundary=_ALL))
        if layer == "session policy":
            return replace(self, policies=replace(policies, session=(_ALL,)))
        if layer == "identity-based policy":
            return replace(self, policies=replace(policies, identity=(*policies.identity, _ALL)))
        return replace(self, resource=_naming_account(access))


_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_ALL = NamedPolicy("", parse(json.dumps({"Statement": _EVERYTHING}), "identity"))
_MOST_REMEDIES = 5  # there are four kinds of policy


def _remedies(access: Access, case: _Case, layers: tuple[LayerReport, ...]) -> tuple[str, ...]:
    remedies: list[str] = []
    denies: set[int] = set()
    for layer in layers:
        for match in layer.matching:
            if match.statement.effect == "Deny":
                denies.add(id(match.statement))
                remedies.append(
                    f"remove {statement_called(match.statement)} of {printable(match.policy.name)}, or narrow"
                    " it: while a deny covers the request, no allow helps"
                )
    case = case.without(frozenset(denies))
    reports = {layer.layer: layer for layer in layers}
    for _ in range(_MOST_REMEDIES):
        decision = case.decide(access)
        if decision.allowed:
            break
        remedies.extend(_near(access, reports.get(decision.layer)))
        remedies.append(_allowing(access, decision))
        case = case.with_allow(decision.layer, access)
    return tuple(remedies)


def _near(access: Access, report: LayerReport | None) -> Iterator[str]:
    """Yield what keeps statements from allowing that nearly do."""
    for miss in report.near if report is not None else ():
        if miss.statement.effect == "Allow":
            called = f"{statement_called(miss.statement)} of {printable(miss.policy.name)}"
            yield f"meet what {called} asks: {_unmet(access, miss)}"


def _unmet(access: Access, miss: NearMiss) -> str:
    if not miss.unmet:
        keys = ", ".join(printable(key) for key in miss.statement.context_keys)
        return f"a value for each variable in its Resource ({keys})"
    told = []
    for condition in miss.unmet:
        found = next((v for k, v in access.context.items() if k.lower() == condition.key.lower() and v), ())
        has = f"it is {printable(', '.join(found))}" if found else "the request has no such key"
        told.append(f"{condition.operator} {printable(condition.key)} ({has})")
    return "; ".join(told)


def _allowing(access: Access, decision: Decision) -> str:
    what = f"{access.action} on {printable(access.resource)}"
    who = printable(
        access.principal.arn if isinstance(access.principal, Principal) else access.principal.name
    )
    name = printable(decision.policy.name) if decision.policy is not None else ""
    if decision.layer == "permissions boundary":
        return f"allow {what} in the permissions boundary {name} as well, or remove the boundary"
    if decision.layer == "session policy":
        return f"open the session without a session policy, or with one that allows {what}"
    if decision.layer == "role trust policy":
        return f"name {who} in {name or 'the role trust policy'}, with {access.action}"
    if decision.layer == "resource-based policy":
        where = name or "a policy of the resource"
        return f"allow {who}, or its account, {what} in {where}"
    return f"attach a policy to {_holder(access, who)} that allows {what}"


def _holder(access: Access, who: str) -> str:
    principal = access.principal
    if isinstance(principal, Principal) and principal.session is not None and principal.kind != "user":
        return printable(principal.session.issuer_arn)
    return f"{who}, or to a group it is in," if isinstance(principal, Principal) else who


def _without(policy: NamedPolicy, denies: frozenset[int]) -> NamedPolicy:
    document = policy.document
    kept = tuple(statement for statement in document.statements if id(statement) not in denies)
    return NamedPolicy(policy.name, Document(document.kind, document.version, kept, document.policy_id))


def _naming_account(access: Access) -> NamedPolicy:
    """A resource policy that leaves the choice to the principal's account."""
    principal = access.principal
    named = {"AWS": principal.account_id} if isinstance(principal, Principal) else "*"
    text = json.dumps({"Statement": {**_EVERYTHING, "Principal": named}})
    return NamedPolicy("", parse(text, "resource"))
