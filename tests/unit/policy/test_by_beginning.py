"""Finding statements by how a resource begins leaves none out that covers an access, and keeps the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moorage.policy import Access, PolicySet, decide
from moorage.policy.patterns import split_arn
from unit.policy.policy_examples import ALICE, HOME, named, policy_of, statement

PREFIX = f"arn:aws:codecommit:us-east-2:{HOME}:"
LAST_PARTS = st.sampled_from(
    [
        "",
        "a",
        "ab",
        "abc",
        "a*",
        "ab*",
        "abc*",
        "*",
        "?b",
        "a?c",
        "${aws:username}",
        "a${aws:username}",
        "b*c",
    ]
)
RESOURCES = LAST_PARTS.map(lambda last: PREFIX + last) | st.sampled_from(
    ["*", "arn:aws:codecommit:*", "arn:*", f"arn:aws:codecommit:us-*:{HOME}:a*"]
)
STATEMENTS = st.tuples(
    st.sampled_from(["Allow", "Deny"]), st.lists(RESOURCES, min_size=1, max_size=3), st.booleans()
)
CONTEXT = {"aws:username": ("bc",)}


def written(effect: str, resources: list[str], inverted: bool) -> dict[str, object]:
    made = statement(effect)
    del made["Resource"]
    return made | {"NotResource" if inverted else "Resource": resources}


@given(
    st.lists(STATEMENTS, min_size=1, max_size=12),
    st.sampled_from(["a", "ab", "abc", "abcd", "b", "bc", "x", "", "abc:d"]).map(lambda last: PREFIX + last)
    | st.sampled_from(["*", "no-arn"]),
)
def test_the_candidates_are_those_that_cover_and_perhaps_more_in_order(
    statements: list[tuple[str, list[str], bool]], resource: str
) -> None:
    policy = named("p", policy_of(*(written(*each) for each in statements)))
    parts = split_arn(resource)
    candidates = policy.document.about("codecommit:gitpush").candidates(parts[-1] if parts else None)
    covering = [each for each in policy.document.statements if each.covers(resource, parts, CONTEXT)]
    assert [each for each in candidates if each in covering] == covering
    indexes = [each.index for each in candidates]
    assert indexes == sorted(set(indexes))


def test_of_many_statements_about_other_things_few_are_looked_at() -> None:
    many = [statement(resource=f"{PREFIX}team-{number}-*") for number in range(100)]
    document = named("p", policy_of(*many, statement(resource="*", Sid="All"))).document
    found = document.about("codecommit:gitpush").candidates("team-42-api")
    assert [each.index for each in found] == [43, 101]


def test_an_actions_statements_are_kept_for_a_bounded_number_of_actions() -> None:
    policies = PolicySet((named("p", policy_of(statement(action="codecommit:*"))),))
    for number in range(1_200):
        access = Access(ALICE, f"codecommit:Get{number}", PREFIX + "a", {}, HOME)
        assert decide(access, policies).allowed
    (policy,) = policies.identity
    assert len(policy.document._about) <= 500
