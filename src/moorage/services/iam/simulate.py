"""What policies would decide: the IAM policy simulator, over the engine that decides requests.

Source: IAM API Reference, SimulatePrincipalPolicy, SimulateCustomPolicy and their data types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moorage.auth import conditions
from moorage.auth.gate import account_in
from moorage.core.principal import Principal
from moorage.policy import (
    Access,
    LayerReport,
    Match,
    NamedPolicy,
    context_keys,
    decide,
    examine,
)
from moorage.policy.positions import place_of, statement_spans
from moorage.services.iam import refusals, simulated
from moorage.services.iam.pages import ITEMS_A_PAGE, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.simulated import Simulation
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call

# How many actions times resources one simulation may ask about.
SIMULATED_ACCESSES = 10_000
# Statements looked at for one page; where policies are many, pages are shorter than asked for. Each may
# have to be told with its place: a page of the largest request would be 70 MB otherwise.
STATEMENTS_A_PAGE = 20_000

_DECISIONS = {"allowed": "allowed", "explicit deny": "explicitDeny", "implicit deny": "implicitDeny"}
_LISTS = "List"  # how the types of keys with several values end


def _anything(call: Call, request: Request) -> list[Target]:  # noqa: ARG001 - a rule's shape
    """The rule of what concerns no policy of the account."""
    return [Target("*")]


def _policy_source(call: Call, request: Request) -> list[Target]:
    """The rule of what looks into the policies of a user, group or role."""
    simulated.require_source_arn(call.caller, request["PolicySourceArn"])
    return [Target(request["PolicySourceArn"])]


@iam.operation("SimulateCustomPolicy", resource=_anything)
def simulate_custom_policy(call: Call, request: Request) -> Answer:
    """Evaluate policies that nobody has (yet)."""
    with call.database.read() as connection:
        arn = request.get("CallerArn")
        principal = None if arn is None else simulated.user_of(connection, call.caller, arn)
    simulation = Simulation(
        principal,
        simulated.given(request, "PolicyInputList"),
        _given_boundary(request),
        simulated.resource_policy(request),
        simulated.levels(request),
    )
    return _answer(call, "SimulateCustomPolicy", request, simulation)


@iam.operation("SimulatePrincipalPolicy", resource=_policy_source)
def simulate_principal_policy(call: Call, request: Request) -> Answer:
    """Evaluate the policies that bind a user, group or role, and others beside them."""
    with call.database.read() as connection:
        owner = simulated.owner(connection, call.caller, request["PolicySourceArn"])
        arn = request.get("CallerArn")
        principal = owner.principal if arn is None else simulated.user_of(connection, call.caller, arn)
    own, boundary = simulated.bound_sources(owner.bound, request.get("PolicyExclusionList", ()))
    simulation = Simulation(
        principal,
        (*own, *simulated.given(request, "PolicyInputList")),
        _given_boundary(request) or boundary,
        simulated.resource_policy(request),
    )
    return _answer(call, "SimulatePrincipalPolicy", request, simulation)


@iam.operation("GetContextKeysForCustomPolicy", resource=_anything)
def get_context_keys_for_custom_policy(call: Call, request: Request) -> Answer:  # noqa: ARG001 - a handler's shape
    """List the condition keys that policies ask for."""
    sources = simulated.given(request, "PolicyInputList")
    return {"ContextKeyNames": context_keys(source.policy.document for source in sources)}


@iam.operation("GetContextKeysForPrincipalPolicy", resource=_policy_source)
def get_context_keys_for_principal_policy(call: Call, request: Request) -> Answer:
    """List the condition keys that the policies of a user, group or role ask for, and others given."""
    with call.database.read() as connection:
        owner = simulated.owner(connection, call.caller, request["PolicySourceArn"])
    own, _ = simulated.bound_sources(owner.bound, ())
    sources = (*own, *simulated.given(request, "PolicyInputList"))
    return {"ContextKeyNames": context_keys(source.policy.document for source in sources)}


def _given_boundary(request: Request) -> simulated.Source | None:
    given = simulated.given(request, "PermissionsBoundaryPolicyInputList")
    if len(given) > 1:
        raise refusals.invalid_input(
            "PermissionsBoundaryPolicyInputList: only one boundary can be simulated."
        )
    return given[0] if given else None


def _answer(call: Call, operation: str, request: Request, simulation: Simulation) -> Answer:
    simulator = _Simulator.of(call, request, simulation)
    resources = request.get("ResourceArns") or ["*"]
    actions = request["ActionNames"]
    for action in actions:
        _require_action(action)
    if len(actions) * len(resources) > SIMULATED_ACCESSES:
        raise refusals.invalid_input(
            f"At most {SIMULATED_ACCESSES} actions times resources can be simulated."
        )
    asked = enumerate((action, resource) for action in actions for resource in resources)
    return paged(
        call,
        operation,
        {**request, "MaxItems": _page_size(request, simulation)},
        "EvaluationResults",
        asked,
        key=lambda each: f"{each[0]:08d}",
        shown=lambda each: simulator.result(*each[1], specific="ResourceArns" in request),
    )


def _page_size(request: Request, simulation: Simulation) -> int:
    statements = sum(len(source.policy.document.statements) for source in simulation.sources)
    room = max(1, STATEMENTS_A_PAGE // max(1, statements))
    return min(int(request.get("MaxItems", ITEMS_A_PAGE)), room)


def _require_action(action: str) -> None:
    service, colon, name = action.partition(":")
    if not (service and colon and name) or "*" in action or "?" in action:
        raise refusals.invalid_input(f"Invalid action {action}: give one action, as codecommit:GitPush.")


@dataclass(frozen=True, slots=True)
class _Simulator:
    """Decides accesses of one simulated caller."""

    simulation: Simulation
    principal: Principal
    context: Mapping[str, tuple[str, ...]]
    owner_account: str | None

    @classmethod
    def of(cls, call: Call, request: Request, simulation: Simulation) -> _Simulator:
        """Read the caller and the context of a request.

        Raises:
            Fault: InvalidInput.
        """
        if simulation.resource is not None and simulation.principal is None:
            raise refusals.invalid_input("A ResourcePolicy needs a CallerArn, which its Principal can name.")
        if "ResourceHandlingOption" in request:
            raise refusals.invalid_input(
                "ResourceHandlingOption is for EC2, which this server does not have."
            )
        known = dict(conditions.of_principal(simulation.principal)) if simulation.principal else {}
        context: dict[str, tuple[str, ...]] = {key: (value,) for key, value in known.items() if value}
        given = _entries(request.get("ContextEntries", ()))
        replaced = {key.lower() for key in given}
        context = {key: values for key, values in context.items() if key.lower() not in replaced} | given
        principal = simulation.principal or simulated.nobody(call.caller)
        return cls(simulation, principal, context, _owner_account(request.get("ResourceOwner")))

    def result(self, action: str, resource: str, *, specific: bool) -> Answer:
        """Return what answers say of one action on one resource."""
        access = Access(self.principal, action, resource, self.context, self._account_of(resource))
        reports = examine(access, self.simulation.policies, self._resource_policy)
        levels = [self._level(access, level) for level in self.simulation.levels]
        decision = self._decision(access, reports, levels)
        statements = [self._statement(match) for match in _deciding(decision, [*reports, *levels])]
        missing = sorted({key for report in reports for key in report.missing}, key=str.lower)
        details: Answer = {"EvalDecisionDetails": self._details(access, reports)} if specific else {}
        limits: Answer = {}
        boundary = next((each for each in reports if each.layer == "permissions boundary"), None)
        if boundary is not None:
            allowed = boundary.verdict == "allowed"
            limits["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        shown: Answer = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decision,
            "MatchedStatements": statements,
            "MissingContextValues": [] if specific else missing,
            **details,
            **limits,
        }
        if levels:
            by_all = all(level.verdict == "allowed" for level in levels)
            shown["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": by_all}
        if specific:
            shown["ResourceSpecificResults"] = [
                {
                    "EvalResourceName": resource,
                    "EvalResourceDecision": decision,
                    "MatchedStatements": statements,
                    "MissingContextValues": missing,
                    **details,
                    **limits,
                }
            ]
        return shown

    @property
    def _resource_policy(self) -> NamedPolicy | None:
        return None if self.simulation.resource is None else self.simulation.resource.policy

    def _account_of(self, resource: str) -> str:
        # Of a caller about whom nothing is known, everything is at home.
        if self.simulation.principal is None:
            return ""
        return account_in(resource) or self.owner_account or ""

    def _level(self, access: Access, level: tuple[simulated.Source, ...]) -> LayerReport:
        policies = replace(
            self.simulation.policies, identity=tuple(each.policy for each in level), boundary=None
        )
        return examine(access, policies)[0]

    def _decision(self, access: Access, reports: Iterable[LayerReport], levels: Iterable[LayerReport]) -> str:
        verdicts = {report.verdict for report in (*reports, *levels)}
        if "explicit deny" in verdicts:
            return "explicitDeny"
        if any(level.verdict != "allowed" for level in levels):
            return "implicitDeny"
        decision = decide(access, self.simulation.policies, self._resource_policy)
        return _DECISIONS[decision.reason]

    def _details(self, access: Access, reports: Iterable[LayerReport]) -> dict[str, str]:
        """Return each side's word, which is told across accounts only."""
        if access.resource_account in {"", self.principal.account_id}:
            return {}
        names = {"identity-based policy": "IAM Policy", "resource-based policy": "Resource Policy"}
        return {names[each.layer]: _DECISIONS[each.verdict] for each in reports if each.layer in names}

    def _statement(self, match: Match) -> Answer:
        source = self.simulation.source_of(match.policy)
        text = match.policy.document.text
        span = statement_spans(text)[match.statement.index - 1]
        start, end = place_of(text, span.start), place_of(text, span.end - 1)
        return {
            "SourcePolicyId": source.source_id,
            "SourcePolicyType": source.source_type,
            "StartPosition": {"Line": start.line, "Column": start.column},
            "EndPosition": {"Line": end.line, "Column": end.column},
        }


def _deciding(decision: str, reports: Iterable[LayerReport]) -> list[Match]:
    """Return the statements that determine a result: the denies alone, where there are any."""
    wanted = {"explicitDeny": "Deny", "allowed": "Allow"}.get(decision)
    return [match for report in reports for match in report.matching if match.statement.effect == wanted]


def _entries(entries: Iterable[Mapping[str, object]]) -> dict[str, tuple[str, ...]]:
    given: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        name, values = str(entry.get("ContextKeyName", "")), entry.get("ContextKeyValues", [])
        texts = tuple(str(value) for value in values) if isinstance(values, list) else ()
        kind = str(entry.get("ContextKeyType", "string"))
        if ":" not in name:
            raise refusals.invalid_input(
                f"Invalid ContextKeyName {name}: it has no service, as aws:username."
            )
        if len(texts) > 1 and not kind.endswith(_LISTS):
            raise refusals.invalid_input(f"{name}: several values need the type {kind}{_LISTS}.")
        given[name] = texts
    return given


def _owner_account(owner: str | None) -> str | None:
    if owner is None:
        return None
    account = account_in(owner) if owner.startswith("arn:") else owner
    if account is None or not (account.isascii() and account.isdigit() and len(account) == 12):
        raise refusals.invalid_input(f"Invalid ResourceOwner {owner}: give an account's ARN.")
    return account
