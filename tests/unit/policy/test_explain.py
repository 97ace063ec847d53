"""Refusals in AWS's words, and in ours."""

from __future__ import annotations

from dataclasses import replace

from moorage.policy import Access, NamedPolicy, Outsider, PolicySet, decide, explain, why
from unit.policy.policy_examples import ALICE, HOME, ROOT, named, policy_of, statement

REPOSITORY = f"arn:aws:codecommit:us-east-2:{HOME}:demo"
PUSH = Access(ALICE, "codecommit:GitPush", REPOSITORY, {}, HOME)
REFUSED = f"User: {ALICE.arn} is not authorized to perform: codecommit:GitPush on resource: {REPOSITORY} "
YES = named("yes", policy_of(statement()))
OTHER = named("arn:aws:iam::aws:policy/Other", policy_of(statement(action="s3:*")))
GUARD = named(
    "inline policy guard of user alice", policy_of(statement("Deny", Sid="NoPush"), statement("Deny"))
)


def said(policies: PolicySet, resource: NamedPolicy | None = None, *, must_allow: bool = False) -> str:
    return explain(decide(PUSH, policies, resource, resource_policy_must_allow=must_allow), PUSH)


def test_an_implicit_deny_is_worded_as_aws_words_it() -> None:
    because = REFUSED + "because no {} allows the codecommit:GitPush action"
    assert said(PolicySet()) == because.format("identity-based policy")
    assert said(PolicySet((YES,), OTHER)) == because.format("permissions boundary")
    assert said(PolicySet((YES,), session=())) == because.format("session policy")
    assert said(PolicySet((YES,)), must_allow=True) == because.format("resource-based policy")
    trust = {"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:*"}
    role = named("role", policy_of(trust), "trust")
    assert said(PolicySet((YES,)), role, must_allow=True) == because.format("role trust policy")


def test_an_explicit_deny_is_worded_as_aws_words_it() -> None:
    denied = REFUSED + "with an explicit deny in {}"
    assert said(PolicySet((YES, GUARD))) == denied.format("an identity-based policy")
    assert said(PolicySet((YES,), GUARD)) == denied.format("a permissions boundary")
    assert said(PolicySet((YES,), YES, (GUARD,))) == denied.format("a session policy")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    assert said(PolicySet((YES,)), named("k", policy_of(deny), "resource")) == denied.format(
        "a resource-based policy"
    )


def test_the_long_form_names_the_policy_and_the_statement() -> None:
    decision = decide(PUSH, PolicySet((YES, GUARD)))
    sentence = explain(decision, PUSH)
    assert (
        why(decision, PUSH)
        == f'{sentence}. Denied by statement "NoPush" of inline policy guard of user alice.'
    )
    unnamed = named("arn:aws:iam::1:policy/p", policy_of(statement(action="s3:*"), statement("Deny")))
    assert why(decide(PUSH, PolicySet((unnamed,))), PUSH).endswith(
        "Denied by statement number 2 of arn:aws:iam::1:policy/p."
    )


def test_the_long_form_of_an_implicit_deny_says_what_it_takes() -> None:
    decision = decide(PUSH, PolicySet((OTHER,)))
    assert why(decision, PUSH).endswith(
        "arn:aws:iam::aws:policy/Other does not allow it. "
        "It takes an identity-based policy with a statement that allows codecommit:GitPush here."
    )
    assert "Other" not in why(decide(PUSH, PolicySet((OTHER, OTHER))), PUSH)


def test_what_is_allowed_is_explained_too() -> None:
    decision = decide(PUSH, PolicySet((YES,)))
    assert "is authorized to perform: codecommit:GitPush" in explain(decision, PUSH)
    assert why(decision, PUSH).endswith("Allowed by statement number 1 of yes.")
    as_root = replace(PUSH, principal=ROOT)
    assert "root user" in why(decide(as_root, PolicySet()), as_root)


def test_control_characters_never_reach_a_terminal() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Sid": "\x1b[2Jx\r\n"}
    key = named("k\x07", policy_of(deny), "resource")
    hostile = replace(PUSH, resource=f"{REPOSITORY}\x1b[31m\n")
    assert why(decide(hostile, PolicySet(), key), hostile).isprintable()


def test_an_outsider_is_named_by_what_it_is() -> None:
    anonymous = replace(PUSH, principal=Outsider("Anonymous"))
    assert explain(decide(anonymous, PolicySet()), anonymous).startswith("User: anonymous is not authorized")
    service = replace(PUSH, principal=Outsider("Service", "s3.amazonaws.com"))
    assert explain(decide(service, PolicySet()), service).startswith("User: s3.amazonaws.com is not")
