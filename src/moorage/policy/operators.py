"""The condition operators: how one value of a request is compared with the values of a policy."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from moorage.policy import values
from moorage.policy.errors import PolicyError, quote
from moorage.policy.patterns import ArnPattern, TextPattern, any_fits, split_arn
from moorage.policy.templates import Keys, fill, is_fixed, read_template, text_of

# Tells whether one value of the request equals (or lies in, or is less than …) any value of the
# policy. None: it does not, but a variable could not be resolved, so nobody can tell. A value of
# the request that is malformed equals nothing.
Test = Callable[[str, Keys], bool | None]
# Makes a test of a condition's values; the flag tells whether `${…}` is a variable.
Build = Callable[[Sequence[str], bool], Test]

T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of the policy language; a negated one is true where its test is false."""

    name: str
    build: Build
    negated: bool = False


def _same(text: str) -> str:
    return text


def _equals(change: Callable[[str], str]) -> Build:
    def build(operands: Sequence[str], variables: bool) -> Test:
        templates = [read_template(operand, variables=variables, wildcards=False) for operand in operands]
        fixed = frozenset(change(text_of(fill(each, {}) or [])) for each in templates if is_fixed(each))
        varying = [each for each in templates if not is_fixed(each)]

        def test(value: str, keys: Keys) -> bool | None:
            wanted = change(value)
            if wanted in fixed:
                return True
            filled = (fill(template, keys) for template in varying)
            return any_fits(None if each is None else change(text_of(each)) == wanted for each in filled)

        return test

    return build


def _like(operands: Sequence[str], variables: bool) -> Test:
    patterns = [TextPattern(read_template(each, variables=variables, wildcards=True)) for each in operands]
    return lambda value, keys: any_fits(pattern.matches(value, keys) for pattern in patterns)


def _arn(operands: Sequence[str], variables: bool) -> Test:
    patterns = [ArnPattern(read_template(each, variables=variables, wildcards=True)) for each in operands]

    def test(value: str, keys: Keys) -> bool | None:
        parts = split_arn(value)
        return any_fits(pattern.matches(value, parts, keys) for pattern in patterns)

    return test


def _typed(
    read_operand: Callable[[str], T | None],
    read_value: Callable[[str], V | None],
    compare: Callable[[V, T], bool],
    example: str,
) -> Build:
    """Make the builder of an operator whose values have a type of their own."""

    def build(operands: Sequence[str], variables: bool) -> Test:  # noqa: ARG001 - typed values take no variables
        read = [_operand(read_operand, each, example) for each in operands]

        def test(value: str, keys: Keys) -> bool:  # noqa: ARG001 - typed values take no variables
            typed = read_value(value)
            return typed is not None and any(compare(typed, each) for each in read)

        return test

    return build


def _operand(read: Callable[[str], T | None], text: str, example: str) -> T:
    typed = read(text)
    if typed is None:
        hint = " Variables work in string and ARN operators only." if "${" in text else ""
        raise PolicyError(f"{quote(text)} is not {example}.{hint}")
    return typed


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Build:
    return _typed(values.number, values.number, compare, "a number, as 10 or 2.5")


def _date(compare: Callable[[Decimal, Decimal], bool]) -> Build:
    return _typed(
        values.date, values.date, compare, "a date, as 2026-11-30T12:00:00Z, nor a time in Unix seconds"
    )


def _ordered(family: str, build: Callable[[Callable[[Decimal, Decimal], bool]], Build]) -> list[Operator]:
    return [
        Operator(f"{family}Equals", build(operator.eq)),
        Operator(f"{family}NotEquals", build(operator.eq), negated=True),
        Operator(f"{family}LessThan", build(operator.lt)),
        Operator(f"{family}LessThanEquals", build(operator.le)),
        Operator(f"{family}GreaterThan", build(operator.gt)),
        Operator(f"{family}GreaterThanEquals", build(operator.ge)),
    ]


_ip = _typed(
    values.network,
    values.address,
    values.within,
    "an IP address or range, as 203.0.113.0/24 or 2001:db8::/32",
)

_ALL = [
    Operator("StringEquals", _equals(_same)),
    Operator("StringNotEquals", _equals(_same), negated=True),
    Operator("StringEqualsIgnoreCase", _equals(str.lower)),
    Operator("StringNotEqualsIgnoreCase", _equals(str.lower), negated=True),
    Operator("StringLike", _like),
    Operator("StringNotLike", _like, negated=True),
    *_ordered("Numeric", _numeric),
    *_ordered("Date", _date),
    Operator("Bool", _typed(values.boolean, values.boolean, operator.eq, '"true" or "false"')),
    Operator("BinaryEquals", _typed(values.binary, values.binary, operator.eq, "base64")),
    Operator("IpAddress", _ip),
    Operator("NotIpAddress", _ip, negated=True),
    Operator("ArnEquals", _arn),
    Operator("ArnLike", _arn),
    Operator("ArnNotEquals", _arn, negated=True),
    Operator("ArnNotLike", _arn, negated=True),
]

OPERATORS = {each.name: each for each in _ALL}
