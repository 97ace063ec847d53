"""A second evaluator, to check the first: slow, plain, and made apart from it.

It reads the policies as JSON values each time, compares character by character and shares nothing
with `moorage.policy`. It takes well-formed policies only. Written from the prose of IAM's rules.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

Json = Any
Context = Mapping[str, tuple[str, ...]]

STAR = "<any run>"
MARK = "<any one>"
CHARACTERS_OF_A_NUMBER = "+-.0123456789eE"


class Who(NamedTuple):
    kind: str
    arn: str
    unique_id: str
    account: str
    role_or_user: tuple[str, ...] = ()  # the ARN and id behind a session


class Asked(NamedTuple):
    who: Who
    action: str
    resource: str
    context: Context
    owner: str  # the account of the resource


class Policies(NamedTuple):
    identity: list[Json]
    boundary: Json | None
    session: list[Json] | None
    resource: Json | None
    resource_kind: str = "resource"


# ---------------------------------------------------------------- verdicts


def verdict(asked: Asked, policies: Policies, must_allow: bool) -> tuple[str, str]:
    """Answer with a reason and the kind of policy that gave it."""
    resource_kind = "role trust policy" if policies.resource_kind == "trust" else "resource-based policy"
    denied_by = explicit_deny(asked, policies, resource_kind)
    if denied_by:
        return "explicit deny", denied_by

    def allowing(pile: list[Json]) -> bool:
        return any(speaks(each, "Allow", asked, policies) for each in pile)

    named = how_named(policies.resource, asked)
    other_account = asked.owner != asked.who.account
    if (other_account or must_allow) and named == "not":
        return "implicit deny", resource_kind
    if named == "itself" and not other_account:
        return "allowed", resource_kind

    granted_by = "identity-based policy" if allowing(policies.identity) else "root user"
    if named == "behind" and not other_account:
        granted_by = resource_kind
    if granted_by == "root user" and asked.who.kind != "root":
        return "implicit deny", "identity-based policy"
    limits = [("permissions boundary", [policies.boundary])] if policies.boundary else []
    if policies.session is not None:
        limits.append(("session policy", policies.session))
    for kind, pile in limits:
        if not allowing(pile):
            return "implicit deny", kind
    return "allowed", granted_by


def explicit_deny(asked: Asked, policies: Policies, resource_kind: str) -> str | None:
    piles: list[tuple[str, list[Json]]] = [
        ("identity-based policy", policies.identity),
        ("permissions boundary", [policies.boundary] if policies.boundary else []),
        ("session policy", policies.session or []),
        (resource_kind, [policies.resource] if policies.resource else []),
    ]
    for kind, pile in piles:
        if any(speaks(each, "Deny", asked, policies) for each in pile):
            return kind
    return None


def how_named(policy: Json | None, asked: Asked) -> str:
    """Tell how the Allow statements of a resource's policy name the caller: the best way wins."""
    ways = {"not"}
    for statement in statements_of(policy) if policy else []:
        if statement["Effect"] == "Allow" and concerns(statement, asked, policy):
            ways.add(way_of_naming(statement["Principal"], asked.who))
    return next(way for way in ("itself", "behind", "account", "not") if way in ways)


def way_of_naming(principal: Json, who: Who) -> str:
    if principal == "*":
        return "itself"
    listed = listing(principal.get("AWS", []))
    if "*" in listed:
        return "itself"
    if who.kind != "root" and (who.arn in listed or who.unique_id in listed):
        return "itself"
    if any(name in listed for name in who.role_or_user):
        return "behind"
    return "account" if any(name in listed for name in account_names(who)) else "not"


def account_names(who: Who) -> list[str]:
    return [who.account, "arn:aws:iam::" + who.account + ":root"]


def speaks(policy: Json, effect: str, asked: Asked, policies: Policies) -> bool:
    """Tell whether a policy has a statement of this effect that is about the request."""
    for statement in statements_of(policy):
        if statement["Effect"] != effect or not concerns(statement, asked, policy):
            continue
        if "Principal" in statement and way_of_naming(statement["Principal"], asked.who) == "not":
            continue
        if "NotPrincipal" in statement and is_spared(statement["NotPrincipal"], asked.who, policies):
            continue
        return True
    return False


def is_spared(listed: Json, who: Who, policies: Policies) -> bool:
    if policies.boundary:
        return False
    if listed == "*":
        return True
    names = listing(listed.get("AWS", []))
    if "*" in names:
        return True
    levels = [account_names(who)]
    if who.kind != "root":
        levels.append([who.arn, who.unique_id])
    if who.role_or_user:
        levels.append(list(who.role_or_user))
    return all(any(name in names for name in level) for level in levels)


def statements_of(policy: Json) -> list[Json]:
    return listing(policy["Statement"])


def listing(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------- one statement


def concerns(statement: Json, asked: Asked, policy: Json) -> bool:
    variables = policy.get("Version", "2008-10-17") == "2012-10-17"
    return (
        about_action(statement, asked.action)
        and about_resource(statement, asked, variables)
        and all_conditions(statement.get("Condition", {}), asked.context, variables)
    )


def about_action(statement: Json, action: str) -> bool:
    named = "Action" if "Action" in statement else "NotAction"
    found = any(same_shape(shape(each.lower()), action.lower()) for each in listing(statement[named]))
    return found if named == "Action" else not found


def about_resource(statement: Json, asked: Asked, variables: bool) -> bool:
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    named = "Resource" if "Resource" in statement else "NotResource"
    answers = [arn_fits(each, asked.resource, asked.context, variables) for each in listing(statement[named])]
    if named == "Resource":
        return True in answers
    return True not in answers and None not in answers


def shape(text: str) -> tuple[str, ...]:
    return tuple({"*": STAR, "?": MARK}.get(character, character) for character in text)


@lru_cache(maxsize=4096)
def same_shape(pattern: tuple[str, ...], text: str) -> bool:
    if not pattern:
        return text == ""
    if pattern[0] == STAR:
        return same_shape(pattern[1:], text) or (text != "" and same_shape(pattern, text[1:]))
    if text == "":
        return False
    return pattern[0] in (MARK, text[0]) and same_shape(pattern[1:], text[1:])


def look_up(context: Context, key: str) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    for name, several in context.items():
        if name.lower() == key.lower():
            found += several
    return found


def expanded(text: str, context: Context, variables: bool, wild: bool) -> list[str | None]:
    """Spell a policy's value out, one character or wildcard an item; None for what has no value."""
    if text == "":
        return []
    if variables and text[:2] == "${":
        inside, rest = text[2:].split("}", 1)
        spelled: list[str | None] = []
        if inside in ("*", "?", "$"):
            spelled.append(inside)
        else:
            spelled += spelled_out(inside, context)
        return spelled + expanded(rest, context, variables, wild)
    first = {"*": STAR, "?": MARK}.get(text[0], text[0]) if wild else text[0]
    return [first, *expanded(text[1:], context, variables, wild)]


def spelled_out(variable: str, context: Context) -> list[str | None]:
    name, _, default = variable.partition(",")
    found = look_up(context, name.strip())
    if len(found) == 1:
        return list(found[0])
    if found or "'" not in default:
        return [None]
    return list(default.strip().strip("'"))


def arn_fits(pattern: str, text: str, context: Context, variables: bool) -> bool | None:
    """Compare the six parts one by one; None: it hangs on a variable without value."""
    if pattern != "" and pattern.strip("*") == "":
        return True
    pieces = text.split(":")
    if len(pieces) < 6 or pieces[0] != "arn":
        whole_variable = variables and pattern.startswith("${")
        unknown = whole_variable and None in expanded(pattern, context, variables, wild=True)
        return None if unknown else False
    if variables and pattern.startswith("${") and pattern[2] not in "*?$":
        return tri_state(expanded(pattern, context, variables, wild=True), text)
    wanted = cut_outside_braces(pattern, variables)
    wanted += ["*"] * (6 - len(wanted))
    actual = [*pieces[:5], ":".join(pieces[5:])]
    answers = [
        tri_state(expanded(want, context, variables, wild=True), have)
        for want, have in zip(wanted, actual, strict=True)
    ]
    if False in answers:
        return False
    return None if None in answers else True


def tri_state(pattern: list[str | None], text: str) -> bool | None:
    if None in pattern:
        return None
    return same_shape(tuple(each for each in pattern if each is not None), text)


def cut_outside_braces(pattern: str, variables: bool) -> list[str]:
    parts = [""]
    inside = False
    for at, character in enumerate(pattern):
        if variables and pattern[at : at + 2] == "${":
            inside = True
        if character == ":" and not inside and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += character
        if character == "}":
            inside = False
    return parts


# ---------------------------------------------------------------- conditions


def all_conditions(block: Json, context: Context, variables: bool) -> bool:
    return all(
        one_condition(operator, key, [as_text(each) for each in listing(values)], context, variables)
        for operator, keys in block.items()
        for key, values in keys.items()
    )


def as_text(value: Json) -> str:
    if value is True or value is False:
        return str(value).lower()
    return str(value)


def one_condition(operator: str, key: str, wanted: list[str], context: Context, variables: bool) -> bool:
    have = look_up(context, key)
    if operator == "Null":
        return any((each.lower() == "true") == (have == ()) for each in wanted)
    quantifier, _, plain = operator.rpartition(":")
    if_exists = plain.endswith("IfExists")
    if if_exists:
        plain = plain[: -len("IfExists")]
    negated = "Not" in plain
    positive = plain.replace("Not", "")
    if have == ():
        if if_exists or quantifier == "ForAllValues":
            return True
        return negated and quantifier == ""
    answers = []
    for value in have:
        against = [compare(positive, value, each, context, variables) for each in wanted]
        if negated:
            answers.append(True not in against and None not in against)
        else:
            answers.append(True in against)
    if quantifier == "ForAllValues":
        return False not in answers
    if quantifier == "ForAnyValue":
        return True in answers
    return False not in answers if negated else True in answers


def compare(operator: str, have: str, want: str, context: Context, variables: bool) -> bool | None:
    if operator.startswith("Arn"):
        return arn_fits(want, have, context, variables)
    if operator.startswith("String"):
        spelled = expanded(want, context, variables, wild=operator == "StringLike")
        if operator == "StringEqualsIgnoreCase":
            return tri_state([each.lower() if each else each for each in spelled], have.lower())
        return tri_state(spelled, have)
    try:
        return compare_typed(operator, have, want)
    except (ValueError, ZeroDivisionError):
        return False


def compare_typed(operator: str, have: str, want: str) -> bool:
    if operator == "Bool":
        return have.lower() in ("true", "false") and have.lower() == want.lower()
    if operator == "BinaryEquals":
        return base64.b64decode(have, validate=True) == base64.b64decode(want, validate=True)
    if operator == "IpAddress":
        return ipaddress.ip_address(have) in ipaddress.ip_network(want, strict=False)
    if operator.startswith("Numeric"):
        left, right, relation = a_number(have), a_number(want), operator.removeprefix("Numeric")
    else:
        left, right, relation = a_moment(have), a_moment(want), operator.removeprefix("Date")
    if relation == "Equals":
        return left == right
    if relation.startswith("LessThan"):
        return left < right or (relation.endswith("Equals") and left == right)
    return left > right or (relation.endswith("Equals") and left == right)


def a_number(text: str) -> Fraction:
    if any(character not in CHARACTERS_OF_A_NUMBER for character in text):
        raise ValueError(text)
    return Fraction(text)


def a_moment(text: str) -> Fraction:
    if "-" not in text[1:]:
        return a_number(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(text + ("T00:00:00Z" if "T" not in text else "Z"))
    return Fraction(moment.timestamp())
