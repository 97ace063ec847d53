"""Every condition operator, with its key present, absent, in sets, and with IfExists."""

from __future__ import annotations

from typing import Any

import pytest

from unit.policy.policy_examples import policy_of, reason, statement

POSITIVE = {
    "StringEquals": ("alice", "bob", "alice"),
    "StringEqualsIgnoreCase": ("alice", "bob", "ALICE"),
    "StringLike": ("al?c*", "bob", "alice"),
    "NumericEquals": ("10", "11", "10.0"),
    "NumericLessThan": ("10", "10", "9.5"),
    "NumericLessThanEquals": ("10", "11", "10"),
    "NumericGreaterThan": ("10", "10", "1e2"),
    "NumericGreaterThanEquals": ("10", "9", "10"),
    "DateEquals": ("2026-11-30", "2026-12-01T00:00:00Z", "2026-11-30T01:00:00+01:00"),
    "DateLessThan": ("2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z", "2026-11-30T11:59:59.999Z"),
    "DateLessThanEquals": ("2026-11-30T12:00:00Z", "2026-11-30T12:00:01Z", "2026-11-30T12:00:00Z"),
    "DateGreaterThan": ("2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z", "2026-11-30T12:00:01Z"),
    "DateGreaterThanEquals": ("1796040000", "1796039999", "2026-11-30T12:00:00Z"),
    "Bool": ("true", "false", "True"),
    "BinaryEquals": ("QUI=", "QUJD", "QUI="),
    "IpAddress": ("203.0.113.0/24", "203.0.114.1", "203.0.113.9"),
    "ArnEquals": ("arn:aws:iam::*:user/a*", "arn:aws:iam::1:role/a", "arn:aws:iam::1:user/alice"),
    "ArnLike": ("arn:aws:iam::*:user/a*", "arn:aws:iam::1:role/a", "arn:aws:iam::1:user/alice"),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
ALL = {**POSITIVE, **{name: POSITIVE[other] for name, other in NEGATED.items()}}


def holds(operator: str, operand: Any, *values: str, key: str = "svc:key", **other: tuple[str, ...]) -> bool:
    """Tell whether an Allow with this one condition applies to a request with these values."""
    policy = policy_of(statement(Condition={operator: {key: operand}}))
    context = {"svc:key": values} if values else {}
    others = {name.replace("_", ":"): several for name, several in other.items()}
    return reason(policy, "svc:Act", "*", {**context, **others}) == "allowed"


@pytest.mark.parametrize("operator", sorted(ALL))
class TestEveryOperator:
    def test_compares_a_value_that_is_there(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        assert holds(operator, operand, match) is (operator not in NEGATED)
        assert holds(operator, operand, other) is (operator in NEGATED)

    def test_takes_an_absent_key_for_no_match(self, operator: str) -> None:
        operand, _, _ = ALL[operator]
        assert holds(operator, operand) is (operator in NEGATED)

    def test_with_if_exists_holds_where_the_key_is_absent_and_compares_where_not(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        assert holds(f"{operator}IfExists", operand)
        assert holds(f"{operator}IfExists", operand, match) is (operator not in NEGATED)
        assert holds(f"{operator}IfExists", operand, other) is (operator in NEGATED)

    def test_for_all_values_asks_each_value_of_the_request(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        fits, fits_not = (other, match) if operator in NEGATED else (match, other)
        assert holds(f"ForAllValues:{operator}", operand)
        assert holds(f"ForAllValues:{operator}", operand, fits)
        assert holds(f"ForAllValues:{operator}", operand, fits, fits)
        assert not holds(f"ForAllValues:{operator}", operand, fits, fits_not)
        assert not holds(f"ForAllValues:{operator}", operand, fits_not)
        assert holds(f"ForAllValues:{operator}IfExists", operand)

    def test_for_any_value_asks_for_one_value_of_the_request(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        fits, fits_not = (other, match) if operator in NEGATED else (match, other)
        assert not holds(f"ForAnyValue:{operator}", operand)
        assert holds(f"ForAnyValue:{operator}", operand, fits_not, fits)
        assert not holds(f"ForAnyValue:{operator}", operand, fits_not)
        assert holds(f"ForAnyValue:{operator}IfExists", operand)
        assert not holds(f"ForAnyValue:{operator}IfExists", operand, fits_not)

    def test_without_quantifier_many_values_match_if_any_does(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        assert holds(operator, operand, other, match) is (operator not in NEGATED)
        assert holds(operator, operand, other, other) is (operator in NEGATED)

    def test_ors_the_values_of_the_policy(self, operator: str) -> None:
        operand, other, match = ALL[operator]
        assert holds(operator, [operand, operand], match) is (operator not in NEGATED)
        assert holds(operator, [], match) is (operator in NEGATED)
        assert holds(operator, [operand], other) is (operator in NEGATED)

    def test_never_fails_on_a_malformed_value_of_the_request(self, operator: str) -> None:
        operand, _, _ = ALL[operator]
        for odd in ("", "\x00", "ä" * 200, "NaN", "Infinity", "1e9999", "arn:aws", "::ffff:", "1" * 5000):
            holds(operator, operand, odd)

    def test_takes_its_key_in_any_case(self, operator: str) -> None:
        operand, _, match = ALL[operator]
        expected = operator not in NEGATED
        assert holds(operator, operand, match, key="SVC:Key") is expected


@pytest.mark.parametrize(("operand", "present", "expected"), [("true", False, True), ("true", True, False)])
def test_null_asks_whether_the_key_is_absent(operand: str, present: bool, expected: bool) -> None:
    values = ("x",) if present else ()
    assert holds("Null", operand, *values) is expected
    assert holds("Null", operand.upper(), *values) is expected
    assert holds("Null", operand == "true", *values) is expected
    assert holds("Null", "false", *values) is not expected
    assert holds("Null", ["true", "false"], *values)
    assert not holds("Null", [], *values)


def test_an_empty_set_of_values_counts_as_absent() -> None:
    assert holds("Null", "true", svc_key=())
    assert holds("StringNotEquals", "x", svc_key=())
    assert not holds("StringEquals", "x", svc_key=())


def test_names_that_differ_by_case_only_are_one_key() -> None:
    policy = policy_of(statement(Condition={"ForAllValues:StringEquals": {"aws:ResourceTag/Team": "a"}}))
    for first, second in (("a", "b"), ("b", "a")):
        both = {"aws:ResourceTag/team": (first,), "AWS:resourcetag/TEAM": (second,)}
        assert reason(policy, "svc:Act", "*", both) == "implicit deny"


def test_the_lines_of_a_condition_are_all_required() -> None:
    condition = {"StringEquals": {"svc:a": "1", "svc:b": "2"}, "Bool": {"svc:c": True}}
    policy = policy_of(statement(Condition=condition))
    full = {"svc:a": ("1",), "svc:b": ("2",), "svc:c": ("true",)}
    assert reason(policy, "svc:Act", "*", full) == "allowed"
    for key in full:
        rest = {name: value for name, value in full.items() if name != key}
        assert reason(policy, "svc:Act", "*", rest) == "implicit deny"


@pytest.mark.parametrize(
    ("operator", "operand", "value", "expected"),
    [
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "", "", True),
        ("StringLike", "", "", True),
        ("StringLike", "*", "", True),
        ("StringLike", "?", "", False),
        ("StringLike", "[a-z]*", "abc", False),
        ("StringLike", "a.c", "abc", False),
        ("StringLike", "A*", "abc", False),
        ("StringLike", "*b*\n*", "abc\nd", True),
        ("StringEquals", 5, "5", True),
        ("StringEquals", True, "true", True),
        ("NumericEquals", 5, "5.00", True),
        ("NumericEquals", 2.5, "2.50", True),
        ("NumericEquals", "5", "5x", False),
        ("NumericEquals", "5", " 5", False),
        ("NumericEquals", "5", "٥", False),  # noqa: RUF001 - an Arabic-Indic five is no digit here
        ("NumericNotEquals", "5", "five", True),
        ("NumericLessThan", "5", "five", False),
        ("NumericGreaterThan", "5", "9" * 101, False),
        ("DateEquals", "2026", "2026-01-01T00:00:00Z", True),
        ("DateEquals", "2026-11", "2026-11-01", True),
        ("DateEquals", "2026-11-30T12:00Z", "2026-11-30T12:00:00.000Z", True),
        ("DateEquals", "2026-11-30T12:00:00", "2026-11-30T12:00:00Z", True),
        ("DateEquals", "2026-11-30T12:00:00-0330", "2026-11-30T15:30:00Z", True),
        ("DateEquals", "1796040000", "2026-11-30T12:00:00Z", True),
        ("DateLessThan", "2026-11-30", "soon", False),
        ("DateLessThan", "2026-11-30", "2026-02-30", False),
        ("DateLessThan", "2026-11-30", "0001-01-01T00:00:00+14:00", False),
        ("DateNotEquals", "2026-11-30", "soon", True),
        ("Bool", "true", "TRUE", True),
        ("Bool", "true", "1", False),
        ("Bool", False, "false", True),
        ("Bool", "false", "no", False),
        ("BinaryEquals", "QUI=", "QUI", False),
        ("BinaryEquals", "QUI=", "\xff", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7/24", "203.0.113.200", True),
        ("IpAddress", "0.0.0.0/0", "203.0.113.7", True),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("IpAddress", "::/0", "203.0.113.7", False),
        ("IpAddress", "2001:db8::/32", "2001:DB8:0:0::1", True),
        ("IpAddress", "2001:db8::/32", "2001:db9::1", False),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", True),
        ("IpAddress", "::ffff:203.0.113.0/120", "203.0.113.9", True),
        ("IpAddress", "203.0.113.0/24", "203.0.113", False),
        ("IpAddress", "fe80::/10", "fe80::1%eth0", True),
        ("NotIpAddress", "203.0.113.0/24", "nowhere", True),
        ("ArnLike", "*", "arn:aws:iam::1:user/a", True),
        ("ArnLike", "arn:aws:iam::*", "arn:aws:iam::1:user/a", True),
        ("ArnLike", "arn:aws:iam*", "arn:aws:iam::1:user/a", True),
        ("ArnLike", "arn:aws:*:user/a", "arn:aws:iam::1:user/a", False),
        ("ArnLike", "arn:aws:iam::1:user/*", "arn:aws:iam::1:user/team/a:b", True),
        ("ArnLike", "arn:aws:iam::1:user/a", "ARN:aws:iam::1:user/a", False),
        ("ArnLike", "arn:aws:iam::1:USER/a", "arn:aws:iam::1:user/a", False),
        ("ArnNotLike", "arn:aws:iam::1:*", "no arn", True),
        ("ArnLike", "arn:aws:*:*:1:a:b:c", "arn:aws:iam::1:a:b:c", True),
        ("ArnLike", "arn:aws:*:*:1:a:*:c", "arn:aws:iam::1:a:b:c", True),
        ("ArnLike", "arn:aws:*:*:1:a:*:c", "arn:aws:iam::1:a:b:d", False),
    ],
)
def test_values_are_read_as_their_type_asks(operator: str, operand: Any, value: str, expected: bool) -> None:
    assert holds(operator, operand, value) is expected
