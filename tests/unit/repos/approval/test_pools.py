from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.repos.approval import pools

A = "111122223333"
MARY = f"arn:aws:iam::{A}:user/Mary"
TEAM_MARY = f"arn:aws:iam::{A}:user/team/Mary"
FEDERATED_MARY = f"arn:aws:sts::{A}:federated-user/Mary"
SESSION_MARY = f"arn:aws:sts::{A}:assumed-role/Review/Mary"
SESSION_LI = f"arn:aws:sts::{A}:assumed-role/Review/Li"
ROOT = f"arn:aws:iam::{A}:root"
STRANGER = "arn:aws:iam::444455556666:user/Mary"
EVERYBODY = (MARY, TEAM_MARY, FEDERATED_MARY, SESSION_MARY, SESSION_LI, ROOT, STRANGER)


@pytest.mark.parametrize(
    ("member", "meant"),
    [
        (f"CodeCommitApprovers:{A}:Mary", {MARY, FEDERATED_MARY}),
        (f"CodeCommitApprovers:{A}:mary", set()),
        (f"CodeCommitApprovers:{A}:team/Mary", {TEAM_MARY}),
        (f"CodeCommitApprovers:{A}:Review/Mary", {SESSION_MARY}),
        (f"CodeCommitApprovers:{A}:Review/*", {SESSION_MARY, SESSION_LI}),
        (f"CodeCommitApprovers:{A}:*Mary", {MARY, TEAM_MARY, FEDERATED_MARY, SESSION_MARY}),
        (f"CodeCommitApprovers:{A}:*", {MARY, TEAM_MARY, FEDERATED_MARY, SESSION_MARY, SESSION_LI}),
        (f"CodeCommitApprovers:{A}:root", set()),
        (MARY, {MARY}),
        (ROOT, {ROOT}),
        (f"arn:aws:iam::{A}:user/*", {MARY, TEAM_MARY}),
        (f"arn:aws:sts::{A}:assumed-role/Review/*", {SESSION_MARY, SESSION_LI}),
        (f"arn:aws:iam::{A}:role/Review", set()),
        (f"arn:aws-cn:iam::{A}:user/Mary", set()),
        ("CodeCommitApprovers:444455556666:Mary", {STRANGER}),
    ],
)
def test_a_member_means_exactly_these(member: str, meant: set[str]) -> None:
    assert pools.is_member(member)
    assert {arn for arn in EVERYBODY if pools.means(member, arn)} == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mary",
        f"CodeCommitApprovers:{A}:",
        "CodeCommitApprovers:*:Mary",
        f"codecommitapprovers:{A}:Mary",
        "arn:aws:iam::*:user/Mary",
        f"arn:*:iam::{A}:user/Mary",
        f"arn:aws:s3::{A}:user/Mary",
        f"arn:aws:iam:us-east-1:{A}:user/Mary",
        f"arn:aws:iam::{A}:",
    ],
)
def test_what_names_no_single_account_and_service_is_no_member(text: str) -> None:
    assert not pools.is_member(text)


def reference(text: str, pattern: str) -> bool:
    """Match by the definition: a star is nothing, or one character and a star again."""
    reachable = {0}
    for character in pattern:
        if character == "*":
            reachable = set(range(min(reachable, default=len(text) + 1), len(text) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(text) and text[at] == character}
    return len(text) in reachable


@given(st.text("ab/\n.", max_size=12), st.text("ab/*\n.", max_size=8))
def test_patterns_match_as_their_definition_says(text: str, pattern: str) -> None:
    assert pools.has_pattern(text, pattern) == reference(text, pattern)


KINDS = {"user": "iam", "federated-user": "sts", "assumed-role": "sts", "root": "iam", "role": "iam"}
NAMES = st.text("ab/*", min_size=1, max_size=5)
ACCOUNTS = st.sampled_from([A, "444455556666"])


def meant_by(member: str, account: str, kind: str, name: str) -> bool:
    """Say whom a member means, from the guide's words alone."""
    resource = "root" if kind == "root" else f"{kind}/{name}"
    if member.startswith("arn:"):
        return reference(f"arn:aws:{KINDS[kind]}::{account}:{resource}", member)
    _, of, pattern = member.split(":")
    return of == account and kind not in {"root", "role"} and reference(name, pattern)


@given(data=st.data(), account=ACCOUNTS, kind=st.sampled_from(sorted(KINDS)))
def test_members_mean_whom_a_small_reference_says(data: st.DataObject, account: str, kind: str) -> None:
    name = data.draw(st.text("ab/", min_size=1, max_size=5))
    of, pattern, member_kind = (
        data.draw(ACCOUNTS),
        data.draw(NAMES),
        data.draw(st.sampled_from(sorted(KINDS))),
    )
    forms = [
        f"CodeCommitApprovers:{of}:{pattern}",
        f"arn:aws:{KINDS[member_kind]}::{of}:{member_kind}/{pattern}",
    ]
    member = data.draw(st.sampled_from(forms))
    resource = "root" if kind == "root" else f"{kind}/{name}"
    arn = f"arn:aws:{KINDS[kind]}::{account}:{resource}"
    assert pools.means(member, arn) == meant_by(member, account, kind, name)


def test_a_pattern_of_many_stars_is_cheap() -> None:
    assert not pools.has_pattern("a" * 2_000, "*a" * 200 + "*b")
