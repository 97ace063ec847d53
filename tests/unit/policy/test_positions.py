"""Statements are found in the text they were read from."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.policy.positions import Place, place_of, statement_spans
from unit.policy.policy_examples import policy_of, statement

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(JSON, min_size=1, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans(), JSON)
def test_each_span_holds_its_statement_whole(
    statements: list[object], indent: int | str | None, first: bool, other: object
) -> None:
    whole = {"Statement": statements, "Id": other} if first else {"Id": other, "Statement": statements}
    text = json.dumps(whole, indent=indent)
    assert [json.loads(text[span.start : span.end]) for span in statement_spans(text)] == statements


def test_a_statement_without_a_list_around_it_is_found() -> None:
    text = '\n { "Version" : "2012-10-17" ,\n  "Statement" : {"Effect":"Allow"\n} }'
    (span,) = statement_spans(text)
    assert json.loads(text[span.start : span.end]) == {"Effect": "Allow"}


def test_places_are_counted_from_one_as_editors_do() -> None:
    text = json.dumps(policy_of(statement(), statement("Deny")), indent=2)
    _, second = statement_spans(text)
    start, end = place_of(text, second.start), place_of(text, second.end - 1)
    lines = text.split("\n")
    assert lines[start.line - 1][start.column - 1 :] == "{"
    assert lines[end.line - 1][: end.column].strip() == "}"
    assert place_of("{", 0) == Place(1, 1)


def test_text_that_is_no_policy_is_no_endless_search() -> None:
    for text in ("[]", "{", '{"a": 1}'):
        with pytest.raises((ValueError, IndexError)):
            statement_spans(text)
