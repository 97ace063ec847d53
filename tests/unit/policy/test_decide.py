"""How the policies that bear on one access work together."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from moorage.core.principal import Principal
from moorage.policy import Access, Decision, NamedPolicy, Outsider, PolicySet, decide, mentions
from unit.policy.policy_examples import (
    ABROAD,
    ALICE,
    BUILDER,
    BUILDER_ROLE,
    GUEST,
    HOME,
    ROOT,
    named,
    policy_of,
    statement,
)

ACTION = "kms:Decrypt"
RESOURCE = f"arn:aws:kms:us-east-2:{HOME}:key/k"
YES = named("yes", policy_of(statement()))
OTHER = named("other", policy_of(statement(action="s3:*")))
NO = named("no", policy_of(statement("Deny", Sid="Never")))


def key_policy(principal: Any, effect: str = "Allow", element: str = "Principal") -> NamedPolicy:
    policy = policy_of({"Effect": effect, element: principal, "Action": "kms:*", "Resource": "*"})
    return named("key policy", policy, "resource")


def ask(
    who: Principal | Outsider,
    policies: PolicySet | None = None,
    resource: NamedPolicy | None = None,
    *,
    must_allow: bool = False,
    owner: str = HOME,
) -> Decision:
    access = Access(who, ACTION, RESOURCE, {}, owner)
    return decide(access, policies or PolicySet(), resource, resource_policy_must_allow=must_allow)


def verdict(decision: Decision) -> tuple[str, str]:
    return decision.reason, decision.layer


IDENTITY, BOUNDARY, SESSION = "identity-based policy", "permissions boundary", "session policy"
RESOURCE_BASED = "resource-based policy"


class TestWithinOneAccount:
    def test_nothing_is_allowed_by_nobody(self) -> None:
        assert verdict(ask(ALICE)) == ("implicit deny", IDENTITY)

    def test_an_identity_policy_allows(self) -> None:
        decision = ask(ALICE, PolicySet((OTHER, YES)))
        assert verdict(decision) == ("allowed", IDENTITY)
        assert decision.policy is YES
        assert decision.statement is YES.document.statements[0]

    def test_a_boundary_and_a_session_policy_must_allow_too_but_grant_nothing(self) -> None:
        assert verdict(ask(ALICE, PolicySet((YES,), OTHER))) == ("implicit deny", BOUNDARY)
        assert verdict(ask(ALICE, PolicySet((YES,), YES, (OTHER,)))) == ("implicit deny", SESSION)
        assert verdict(ask(ALICE, PolicySet((YES,), YES, (OTHER, YES)))) == ("allowed", IDENTITY)
        assert verdict(ask(ALICE, PolicySet((), YES, (YES,)))) == ("implicit deny", IDENTITY)

    def test_a_session_policy_that_is_empty_allows_nothing(self) -> None:
        assert verdict(ask(GUEST, PolicySet((YES,), session=()))) == ("implicit deny", SESSION)

    @pytest.mark.parametrize(
        ("policies", "layer"),
        [
            (PolicySet((YES, NO)), IDENTITY),
            (PolicySet((NO, YES)), IDENTITY),
            (PolicySet((YES,), NO), BOUNDARY),
            (PolicySet((YES,), session=(YES, NO)), SESSION),
        ],
    )
    def test_one_matching_deny_of_any_layer_denies(self, policies: PolicySet, layer: str) -> None:
        decision = ask(ALICE, policies, key_policy("*"))
        assert verdict(decision) == ("explicit deny", layer)
        assert decision.policy is NO
        assert decision.statement is not None
        assert decision.statement.sid == "Never"

    def test_a_deny_of_the_resource_policy_denies_whom_it_names(self) -> None:
        named_alice = key_policy({"AWS": ALICE.arn}, "Deny")
        assert verdict(ask(ALICE, PolicySet((YES,)), named_alice)) == ("explicit deny", RESOURCE_BASED)
        assert verdict(ask(BUILDER, PolicySet((YES,)), named_alice)) == ("allowed", IDENTITY)
        account = key_policy({"AWS": HOME}, "Deny")
        for who in (ALICE, BUILDER, GUEST, ROOT):
            assert verdict(ask(who, PolicySet((YES,)), account)) == ("explicit deny", RESOURCE_BASED)


LIMITED = PolicySet((), OTHER, (OTHER,))


class TestGrantsOfAResourcePolicy:
    @pytest.mark.parametrize("name", [ALICE.arn, ALICE.unique_id, "*"])
    def test_a_user_named_itself_needs_nothing_else(self, name: str) -> None:
        for must_allow in (False, True):
            decision = ask(ALICE, LIMITED, key_policy({"AWS": name}), must_allow=must_allow)
            assert verdict(decision) == ("allowed", RESOURCE_BASED)

    @pytest.mark.parametrize(("who", "name"), [(BUILDER, BUILDER.arn), (GUEST, GUEST.arn), (BUILDER, "*")])
    def test_a_session_named_itself_needs_nothing_else(self, who: Principal, name: str) -> None:
        assert verdict(ask(who, LIMITED, key_policy({"AWS": name}))) == ("allowed", RESOURCE_BASED)

    @pytest.mark.parametrize(
        ("who", "name"),
        [
            (BUILDER, BUILDER_ROLE),
            (BUILDER, "AROABUILDERBUILDER01"),
            (GUEST, ALICE.arn),
            (GUEST, ALICE.unique_id),
        ],
    )
    def test_a_session_whose_issuer_is_named_stays_within_its_limits(self, who: Principal, name: str) -> None:
        policy = key_policy({"AWS": name})
        assert verdict(ask(who, PolicySet(), policy)) == ("allowed", RESOURCE_BASED)
        assert verdict(ask(who, PolicySet((), OTHER), policy)) == ("implicit deny", BOUNDARY)
        assert verdict(ask(who, PolicySet((), YES, (OTHER,)), policy)) == ("implicit deny", SESSION)

    @pytest.mark.parametrize("name", [HOME, f"arn:aws:iam::{HOME}:root"])
    def test_an_account_named_leaves_the_choice_to_its_own_policies(self, name: str) -> None:
        policy = key_policy({"AWS": name})
        for must_allow in (False, True):
            assert verdict(ask(ALICE, PolicySet(), policy, must_allow=must_allow)) == (
                "implicit deny",
                IDENTITY,
            )
            assert verdict(ask(ALICE, PolicySet((YES,)), policy, must_allow=must_allow)) == (
                "allowed",
                IDENTITY,
            )

    def test_the_most_direct_of_several_grants_counts(self) -> None:
        names = [{"AWS": HOME}, {"AWS": BUILDER_ROLE}, {"AWS": BUILDER.arn}]
        statements = [
            {"Effect": "Allow", "Principal": each, "Action": "*", "Resource": "*"} for each in names
        ]
        policy = named("key policy", policy_of(*statements), "resource")
        decision = ask(BUILDER, LIMITED, policy)
        assert verdict(decision) == ("allowed", RESOURCE_BASED)
        assert decision.statement is not None
        assert decision.statement.index == 3

    def test_where_it_must_allow_an_identity_policy_is_not_enough(self) -> None:
        for policy in (None, key_policy({"AWS": BUILDER_ROLE}), key_policy({"AWS": ABROAD})):
            decision = ask(ALICE, PolicySet((YES,)), policy, must_allow=True)
            assert verdict(decision) == ("implicit deny", RESOURCE_BASED)

    def test_a_user_made_again_under_an_old_name_is_not_the_one_named_by_id(self) -> None:
        newcomer = replace(ALICE, unique_id="AIDASOMEBODYELSE0001")
        policy = key_policy({"AWS": ALICE.unique_id})
        assert verdict(ask(newcomer, PolicySet(), policy, must_allow=True)) == (
            "implicit deny",
            RESOURCE_BASED,
        )

    def test_a_role_trusts_by_the_same_rules(self) -> None:
        trust = {"Effect": "Allow", "Principal": {"AWS": ALICE.arn}, "Action": "sts:AssumeRole"}
        policy = named("trust policy of role/builder", policy_of(trust), "trust")
        access = Access(ALICE, "sts:AssumeRole", BUILDER_ROLE, {}, HOME)
        decision = decide(access, PolicySet(), policy, resource_policy_must_allow=True)
        assert verdict(decision) == ("allowed", "role trust policy")
        stranger = replace(access, principal=BUILDER)
        decision = decide(stranger, PolicySet((YES,)), policy, resource_policy_must_allow=True)
        assert verdict(decision) == ("implicit deny", "role trust policy")


class TestBetweenAccounts:
    @pytest.mark.parametrize("name", [HOME, ALICE.arn, "*"])
    def test_both_sides_must_allow(self, name: str) -> None:
        policy = key_policy({"AWS": name})
        assert verdict(ask(ALICE, PolicySet((YES,)), policy, owner=ABROAD)) == ("allowed", IDENTITY)
        assert verdict(ask(ALICE, PolicySet(), policy, owner=ABROAD)) == ("implicit deny", IDENTITY)
        assert verdict(ask(ALICE, PolicySet((YES,)), owner=ABROAD)) == ("implicit deny", RESOURCE_BASED)
        limited = PolicySet((YES,), OTHER)
        assert verdict(ask(ALICE, limited, policy, owner=ABROAD)) == ("implicit deny", BOUNDARY)

    def test_a_role_named_abroad_needs_its_own_policy_as_well(self) -> None:
        policy = key_policy({"AWS": BUILDER_ROLE})
        assert verdict(ask(BUILDER, PolicySet(), policy, owner=ABROAD)) == ("implicit deny", IDENTITY)

    def test_the_account_of_another_partition_is_another_account(self) -> None:
        policy = key_policy({"AWS": f"arn:aws-cn:iam::{HOME}:root"})
        assert verdict(ask(ALICE, PolicySet((YES,)), policy, owner=ABROAD)) == (
            "implicit deny",
            RESOURCE_BASED,
        )


class TestRoot:
    def test_a_root_user_needs_no_identity_policy(self) -> None:
        assert verdict(ask(ROOT)) == ("allowed", "root user")
        decision = ask(ROOT, PolicySet(), key_policy({"AWS": HOME}), must_allow=True)
        assert verdict(decision) == ("allowed", "root user")

    def test_a_key_policy_binds_a_root_user(self) -> None:
        assert verdict(ask(ROOT, must_allow=True)) == ("implicit deny", RESOURCE_BASED)
        denied = ask(ROOT, PolicySet(), key_policy({"AWS": f"arn:aws:iam::{HOME}:root"}, "Deny"))
        assert verdict(denied) == ("explicit deny", RESOURCE_BASED)

    def test_another_accounts_resource_must_allow_a_root_user(self) -> None:
        assert verdict(ask(ROOT, owner=ABROAD)) == ("implicit deny", RESOURCE_BASED)
        assert verdict(ask(ROOT, PolicySet(), key_policy({"AWS": HOME}), owner=ABROAD)) == (
            "allowed",
            "root user",
        )

    def test_a_session_policy_limits_a_root_user(self) -> None:
        assert verdict(ask(ROOT, PolicySet(session=(OTHER,)))) == ("implicit deny", SESSION)


class TestNotPrincipal:
    def spared(self, who: Principal, names: list[str], policies: PolicySet | None = None) -> bool:
        policy = key_policy({"AWS": names}, "Deny", "NotPrincipal")
        return ask(who, policies or PolicySet((YES,)), policy).allowed

    def test_a_deny_spares_who_is_listed_with_its_account(self) -> None:
        assert self.spared(ALICE, [ALICE.arn, HOME])
        assert self.spared(ALICE, [ALICE.unique_id, f"arn:aws:iam::{HOME}:root"])
        assert self.spared(BUILDER, [BUILDER.arn, BUILDER_ROLE, HOME])
        assert self.spared(ROOT, [HOME])
        assert self.spared(ALICE, ["*"])

    def test_a_deny_hits_who_is_listed_in_part_only(self) -> None:
        assert not self.spared(ALICE, [ALICE.arn])
        assert not self.spared(ALICE, [HOME])
        assert not self.spared(ALICE, [BUILDER.arn, BUILDER_ROLE, HOME])
        assert not self.spared(BUILDER, [BUILDER_ROLE, HOME])
        assert not self.spared(BUILDER, [BUILDER.arn, HOME])

    def test_a_deny_hits_everybody_with_a_boundary(self) -> None:
        assert not self.spared(ALICE, [ALICE.arn, HOME], PolicySet((YES,), YES))


class TestOutsiders:
    def test_a_service_is_allowed_by_the_resource_alone(self) -> None:
        service = Outsider("Service", "codecommit.amazonaws.com")
        policy = key_policy({"Service": "codecommit.amazonaws.com"})
        assert verdict(ask(service, resource=policy, must_allow=True)) == ("allowed", RESOURCE_BASED)
        other = Outsider("Service", "s3.amazonaws.com")
        assert verdict(ask(other, resource=policy)) == ("implicit deny", RESOURCE_BASED)
        assert verdict(ask(service)) == ("implicit deny", RESOURCE_BASED)

    def test_everyone_includes_services_and_the_anonymous_but_every_aws_user_does_not(self) -> None:
        service, nobody = Outsider("Service", "codecommit.amazonaws.com"), Outsider("Anonymous")
        assert ask(service, resource=key_policy("*")).allowed
        assert ask(nobody, resource=key_policy("*")).allowed
        assert ask(nobody, resource=key_policy({"AWS": "*"})).allowed
        assert not ask(service, resource=key_policy({"AWS": "*"})).allowed

    def test_a_federated_user_is_trusted_by_its_provider(self) -> None:
        provider = f"arn:aws:iam::{HOME}:oidc-provider/accounts.example.org"
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"accounts.example.org:aud": "moorage"}},
        }
        policy = named("trust policy", policy_of(trust), "trust")
        access = Access(
            Outsider("Federated", provider),
            "sts:AssumeRoleWithWebIdentity",
            BUILDER_ROLE,
            {"accounts.example.org:aud": ("moorage",)},
            HOME,
        )
        assert decide(access, PolicySet(), policy, resource_policy_must_allow=True).allowed
        assert not decide(replace(access, context={}), PolicySet(), policy).allowed

    def test_a_deny_with_notprincipal_hits_outsiders_that_are_not_listed(self) -> None:
        service = Outsider("Service", "codecommit.amazonaws.com")
        listed = key_policy({"Service": service.name}, "Deny", "NotPrincipal")
        assert ask(service, resource=listed).reason == "implicit deny"
        assert ask(Outsider("Anonymous"), resource=listed).reason == "explicit deny"


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("KMS:decrypt", "*", True),
        ("kms:De*", "*", True),
        ("kms:?ecrypt", "*", True),
        ("kms:Decrypt2", "*", False),
        ("*:*", "*", True),
        ("*", "arn:aws:kms:us-east-2:111111111111:key/k", True),
        ("*", "arn:aws:kms:us-east-2:111111111111:key/*", True),
        ("*", "arn:aws:kms:us-east-2:111111111111:KEY/k", False),
        ("*", "arn:aws:KMS:us-east-2:111111111111:key/k", False),
        ("*", "arn:aws:kms:*:key/k", False),
        ("*", "arn:aws:kms:us-east-2:*", True),
        ("*", "arn:aws:km", False),
        ("*", "arn:aws:kms:us-east-2:111111111111:key/k:x", False),
        ("*", "arn:aws:kms:us-east-2:111111111111:", False),
        ("*", "**", True),
    ],
)
def test_actions_and_resources_match_as_iam_compares_them(action: str, resource: str, expected: bool) -> None:
    allow = PolicySet((named("p", policy_of(statement(action=action, resource=resource))),))
    assert ask(ALICE, allow).allowed is expected
    exceptions = {
        "Effect": "Allow",
        "NotResource" if action == "*" else "NotAction": resource if action == "*" else action,
    }
    rest = {"Action": "*"} if action == "*" else {"Resource": "*"}
    assert ask(ALICE, PolicySet((named("p", policy_of({**exceptions, **rest})),))).allowed is not expected


def test_only_a_star_covers_a_request_about_no_resource_in_particular() -> None:
    everything = Access(ALICE, "codecommit:ListRepositories", "*")
    for resource, expected in (("*", True), ("arn:aws:codecommit:*:*:*", False), ("arn:*:*:*:*:*", False)):
        policies = PolicySet((named("p", policy_of(statement(resource=resource))),))
        assert decide(everything, policies).allowed is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Action": "*"}, True),
        ({"Action": ["s3:*", "KMS:Decrypt"]}, True),
        ({"Action": "s3:*"}, False),
        ({"NotAction": "s3:*"}, True),
        ({"NotAction": "kms:Decrypt"}, True),
        ({"NotAction": ["kms:*", "s3:*"]}, False),
        ({"NotAction": "*"}, False),
    ],
)
def test_mentions_tells_whether_a_service_can_be_concerned(changes: dict[str, Any], expected: bool) -> None:
    policy = named("p", policy_of({"Effect": "Deny", "Resource": "*", **changes}))
    for policies in (PolicySet((policy,)), PolicySet((), policy), PolicySet((), None, (policy,))):
        assert mentions(policies, "kms") is expected
        assert mentions(policies, "kms", effect="Deny") is expected
        assert not mentions(policies, "kms", effect="Allow")
    assert not mentions(PolicySet(), "kms")


def test_deciding_by_twenty_statements_takes_a_small_part_of_a_millisecond() -> None:
    own = f"arn:aws:codecommit:*:{HOME}:${{aws:username}}-*"
    many = [statement(action=[f"svc{each}:*", "codecommit:Git*"], resource=own) for each in range(19)]
    policies = PolicySet((named("p", policy_of(*many, statement())),))
    access = Access(ALICE, ACTION, RESOURCE, {f"aws:Key{each}": ("value",) for each in range(20)}, HOME)
    before = time.perf_counter()
    for _ in range(100):
        decide(access, policies)
    assert (time.perf_counter() - before) / 100 < 0.002  # seconds; about 0.00002 on a quiet machine
