"""Random policies and requests from a small world, so that they often have to do with each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from moorage.core.principal import Principal
from moorage.policy import Access, Decision, NamedPolicy, PolicySet, decide, parse
from unit.policy.policy_examples import ABROAD, ALICE, BUILDER, GUEST, HOME, ROOT
from unit.policy.slow_evaluator import Asked, Policies, Who, verdict

ACTIONS = ["codecommit:GitPull", "codecommit:GitPush", "codecommit:GetBranch", "iam:GetUser"]
ACTION_PATTERNS = [
    *ACTIONS,
    "*",
    "codecommit:*",
    "codecommit:Git*",
    "CodeCommit:gitp?ll",
    "codecommit:Get*",
    "iam:*User",
]
RESOURCES = [
    f"arn:aws:codecommit:us-east-2:{HOME}:demo",
    f"arn:aws:codecommit:eu-west-1:{HOME}:alice-demo",
    f"arn:aws:codecommit:us-east-2:{ABROAD}:demo*",
    f"arn:aws:iam::{HOME}:user/alice",
    "*",
]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "*",
    "*",
    "arn:aws:codecommit:*",
    "arn:aws:codecommit:*:*:demo",
    "arn:aws:codecommit:us-????-2:*:d*o*",
    "arn:aws:codecommit:*:*:${aws:username}-*",
    "arn:aws:codecommit:*:*:${aws:username, 'demo'}*",
    "arn:aws:codecommit:*:*:demo${*}",
    "arn:*:iam::*:user/${AWS:UserName}",
    "arn:aws:${svc:name}:*:*:*",
]
NAMES = ["alice", "bob", "demo", "*", "al?ce", "codecommit", "a:b", ""]
TEXTS = [
    *NAMES,
    "Alice",
    "al*",
    "a?ice",
    "${aws:username}",
    "${aws:username, 'demo'}",
    "x${?}y",
    "x?y",
    "xzy",
]
LIKES = [*TEXTS, "*", "?*", "*e", "*l*c*", "${*}", "$*"]
ARNS = [
    *RESOURCES,
    "alice",
    "arn:aws:iam::*:user/${aws:username}",
    "arn:aws:*",
    "${svc:arn}",
    "${svc:arn}*",
    f"arn:aws:iam::{HOME}:role/*",
]
NUMBERS = ["0", "1", "1.0", "2.5", "-3", "1e2", "100"]
DATES = ["2026-01-01", "2026-01-01T00:00:00Z", "2026-06-01T12:30:00+02:00", "1767225600", "0"]
ADDRESSES = ["10.1.2.3", "10.1.0.0", "192.0.2.7", "2001:db8::1", "::1"]
RANGES = ["10.1.0.0/16", "10.1.2.3", "192.0.2.0/30", "2001:db8::/32", "10.1.2.3/8", "0.0.0.0/0"]
BOOLEANS = ["true", "false", "True"]
BINARIES = ["QQ==", "QUI=", ""]
ODD = ["", "none", "true", "1x", "QQ", "2026-13-01", "999.1.1.1"]

# An operator, the key it is asked about, and what a policy may write.
RELATIONS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
FAMILIES: list[tuple[list[str], str, list[str]]] = [
    (
        ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
        "svc:text",
        TEXTS,
    ),
    (["StringLike", "StringNotLike"], "svc:text", LIKES),
    (
        [
            f"Numeric{each}"
            for each in (
                "Equals",
                "NotEquals",
                "LessThan",
                "LessThanEquals",
                "GreaterThan",
                "GreaterThanEquals",
            )
        ],
        "svc:number",
        NUMBERS,
    ),
    (
        [
            f"Date{each}"
            for each in (
                "Equals",
                "NotEquals",
                "LessThan",
                "LessThanEquals",
                "GreaterThan",
                "GreaterThanEquals",
            )
        ],
        "svc:date",
        DATES,
    ),
    (["Bool"], "svc:bool", BOOLEANS),
    (["BinaryEquals"], "svc:binary", BINARIES),
    (["IpAddress", "NotIpAddress"], "svc:address", RANGES),
    (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], "svc:arn", ARNS),
]
VALUES = {
    "aws:username": NAMES,
    "svc:name": NAMES,
    "svc:text": [*NAMES, "Alice", "xzy", "x?y"],
    "svc:number": [*NUMBERS, *ODD],
    "svc:date": [*DATES, *ODD],
    "svc:bool": [*BOOLEANS, *ODD],
    "svc:binary": [*BINARIES, *ODD],
    "svc:address": [*ADDRESSES, *ODD],
    "svc:arn": [*RESOURCES, "alice"],
}
PRINCIPALS = [ALICE, ALICE, BUILDER, BUILDER, GUEST, ROOT]
NAMED: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": HOME},
    {"AWS": f"arn:aws:iam::{HOME}:root"},
    {"AWS": [ALICE.arn]},
    {"AWS": [ALICE.unique_id]},
    {"AWS": [BUILDER.arn, ABROAD]},
    {"AWS": "AROABUILDERBUILDER01"},
    {"AWS": [f"arn:aws:iam::{HOME}:role/team/builder", HOME]},
    {"AWS": [f"arn:aws:iam::{HOME}:role/team/builder", HOME, BUILDER.arn, ALICE.arn]},
    {"AWS": GUEST.arn},
    {"Service": "codecommit.amazonaws.com"},
]


@dataclass(frozen=True)
class RandomCase:
    """The same question in both evaluators' forms."""

    access: Access
    policies: Policies
    must_allow: bool
    compiled: tuple[PolicySet, NamedPolicy | None] = field(repr=False)

    def fast(self) -> tuple[str, str]:
        decision = self.decision()
        return decision.reason, decision.layer

    def decision(self) -> Decision:
        access, own, compiled = self.asked()
        return decide(access, own, compiled, resource_policy_must_allow=self.must_allow)

    def asked(self) -> tuple[Access, PolicySet, NamedPolicy | None]:
        return (self.access, *self.compiled)

    def slow(self) -> tuple[str, str]:
        access = self.access
        assert isinstance(access.principal, Principal)
        asked = Asked(
            _who(access.principal), access.action, access.resource, access.context, access.resource_account
        )
        return verdict(asked, self.policies, self.must_allow)


def compiled(policies: Policies) -> tuple[PolicySet, NamedPolicy | None]:
    own = PolicySet(
        tuple(_named(each) for each in policies.identity),
        _named(policies.boundary) if policies.boundary else None,
        None if policies.session is None else tuple(_named(each) for each in policies.session),
    )
    return own, _named(policies.resource, policies.resource_kind) if policies.resource else None


def _named(policy: Any, kind: Any = "identity") -> NamedPolicy:
    return NamedPolicy("policy", parse(json.dumps(policy), kind))


def _who(principal: Principal) -> Who:
    session = principal.session
    behind = (session.issuer_arn, session.issuer_id) if session else ()
    return Who(principal.kind, principal.arn, principal.unique_id, principal.account_id, behind)


def random_cases(random: Random, questions: int = 8) -> Iterator[RandomCase]:
    """Ask each random set of policies several random questions: to read it costs more than to answer one."""
    while True:
        yield from _cases(random, questions)


def random_case(random: Random) -> RandomCase:
    return next(_cases(random, 1))


def _cases(random: Random, questions: int) -> Iterator[RandomCase]:
    trust = random.random() < 0.1
    resource = _policy(random, "trust" if trust else "resource") if random.random() < 0.5 else None
    policies = Policies(
        identity=[_policy(random, "identity") for _ in range(random.choice([0, 1, 1, 2]))],
        boundary=_policy(random, "identity") if random.random() < 0.25 else None,
        session=random.choice([None, None, None, [], [_policy(random, "identity")]]),
        resource=resource,
        resource_kind="trust" if trust and resource else "resource",
    )
    read = compiled(policies)
    for _ in range(questions):
        access = Access(
            random.choice(PRINCIPALS),
            "sts:AssumeRole" if trust else random.choice(ACTIONS),
            random.choice(RESOURCES),
            _context(random),
            random.choice([HOME, HOME, HOME, ABROAD]),
        )
        yield RandomCase(access, policies, random.random() < 0.3, read)


def _context(random: Random) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    for key, values in VALUES.items():
        if random.random() < 0.6:
            written = random.choice([key, key, key.upper(), key.title()])
            context[written] = tuple(
                random.choice(values) for _ in range(random.choice([0, 1, 1, 1, 1, 2, 3]))
            )
    return context


def _policy(random: Random, kind: str) -> dict[str, Any]:
    statements = [_statement(random, kind) for _ in range(random.choice([1, 1, 2, 3]))]
    policy: dict[str, Any] = {"Statement": statements[0] if len(statements) == 1 else statements}
    version = random.choice(["2012-10-17"] * 6 + ["2008-10-17", None])
    return policy if version is None else {"Version": version, **policy}


def _statement(random: Random, kind: str) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": random.choice(["Allow", "Allow", "Allow", "Deny"])}
    if kind == "trust":
        statement["Action"] = random.choice(["sts:AssumeRole", "sts:*", "sts:Assume*Role"])
    else:
        statement[_maybe_not(random, "Action")] = _some(random, ACTION_PATTERNS)
        statement[_maybe_not(random, "Resource")] = _some(random, RESOURCE_PATTERNS)
    if kind != "identity":
        inverted = kind == "resource" and statement["Effect"] == "Deny" and random.random() < 0.5
        statement["NotPrincipal" if inverted else "Principal"] = random.choice(NAMED)
    if random.random() < 0.6:
        statement["Condition"] = _condition(random)
    return statement


def _maybe_not(random: Random, name: str) -> str:
    return f"Not{name}" if random.random() < 0.2 else name


def _some(random: Random, choices: list[str]) -> Any:
    if random.random() < 0.5:
        return random.choice(choices)
    return random.sample(choices, random.choice([1, 2, 3]))


def _condition(random: Random) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for _ in range(random.choice([1, 1, 2])):
        if random.random() < 0.1:
            block["Null"] = {random.choice(list(VALUES)): random.choice(["true", "false", True, ["false"]])}
            continue
        operators, key, values = random.choice(FAMILIES)
        quantifier = random.choice(["", "", "", "ForAllValues:", "ForAnyValue:"])
        suffix = random.choice(["", "", "IfExists"])
        written = random.choice([key, key, key.upper()])
        block[quantifier + random.choice(operators) + suffix] = {written: _operands(random, values)}
    return block


def _operands(random: Random, values: list[str]) -> Any:
    chosen = _some(random, values)
    return [] if random.random() < 0.02 else chosen
