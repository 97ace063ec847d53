"""The policy simulator: the same verdicts as the gate, and where they come from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal
from moorage.services.iam import iam
from moorage.storage import roles

pytestmark = pytest.mark.slow

DEMO = f"arn:aws:codecommit:us-east-1:{ACCOUNT}:demo"
MARY = f"arn:aws:iam::{ACCOUNT}:user/mary"
ABROAD = "arn:aws:codecommit:us-east-1:444455556666:demo"


def policy(*statements: dict[str, Any], indent: int | None = None) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=indent)


def allow(action: str = "codecommit:*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*", **more}


def deny(action: str = "codecommit:*", **more: Any) -> dict[str, Any]:
    return allow(action, **more) | {"Effect": "Deny"}


def custom(desk: Desk, *policies: str, action: str = "codecommit:GitPush", **more: Any) -> dict[str, Any]:
    (result,) = desk.ask(
        "SimulateCustomPolicy", PolicyInputList=list(policies), ActionNames=[action], **more
    )["EvaluationResults"]
    return dict(result)


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


@pytest.fixture
def mary(desk: Desk) -> str:
    desk.ask("CreateUser", UserName="mary")
    return MARY


def test_a_matched_statement_is_named_with_its_place_in_the_text(desk: Desk) -> None:
    text = policy(allow("s3:*"), allow(), indent=2)
    result = custom(desk, policy(allow("s3:*")), text)
    assert result["EvalDecision"] == "allowed"
    (matched,) = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == ("PolicyInputList.2", "none")
    lines = text.split("\n")
    start, end = matched["StartPosition"], matched["EndPosition"]
    assert lines[start["Line"] - 1][start["Column"] - 1 :] == "{"
    assert lines[end["Line"] - 1][end["Column"] - 1] == "}"
    assert lines[start["Line"] + 1].strip() == '"Action": "codecommit:*",'
    assert (result["EvalActionName"], result["EvalResourceName"]) == ("codecommit:GitPush", "*")
    assert "ResourceSpecificResults" not in result


def test_a_deny_is_the_only_statement_told(desk: Desk) -> None:
    result = custom(desk, policy(allow()), policy(deny("codecommit:GitPush"), deny("*")))
    assert result["EvalDecision"] == "explicitDeny"
    assert [each["SourcePolicyId"] for each in result["MatchedStatements"]] == ["PolicyInputList.2"] * 2


def test_where_nothing_matches_the_deny_is_implicit(desk: Desk) -> None:
    result = custom(desk, policy(allow("s3:*")))
    assert (result["EvalDecision"], result["MatchedStatements"]) == ("implicitDeny", [])


def test_each_resource_is_a_result_of_its_own_for_each_action(desk: Desk) -> None:
    answer = desk.ask(
        "SimulateCustomPolicy",
        PolicyInputList=[policy(allow(Resource=DEMO))],
        ActionNames=["codecommit:GitPull", "codecommit:GitPush"],
        ResourceArns=[DEMO, f"{DEMO}-2"],
    )
    assert [
        (each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"])
        for each in answer["EvaluationResults"]
    ] == [
        ("codecommit:GitPull", DEMO, "allowed"),
        ("codecommit:GitPull", f"{DEMO}-2", "implicitDeny"),
        ("codecommit:GitPush", DEMO, "allowed"),
        ("codecommit:GitPush", f"{DEMO}-2", "implicitDeny"),
    ]
    (specific,) = answer["EvaluationResults"][0]["ResourceSpecificResults"]
    assert (specific["EvalResourceName"], specific["EvalResourceDecision"]) == (DEMO, "allowed")
    assert answer["IsTruncated"] is False


def test_results_come_in_pages(desk: Desk) -> None:
    asked = {
        "PolicyInputList": [policy(allow())],
        "ActionNames": [f"codecommit:Get{number}" for number in range(7)],
        "MaxItems": 3,
    }
    names: list[str] = []
    answer: dict[str, Any] = {"IsTruncated": True}
    while answer["IsTruncated"]:
        more = {"Marker": answer["Marker"]} if "Marker" in answer else {}
        answer = desk.ask("SimulateCustomPolicy", **asked, **more)
        assert len(answer["EvaluationResults"]) <= 3
        names += [each["EvalActionName"] for each in answer["EvaluationResults"]]
    assert names == asked["ActionNames"]


def test_pages_are_short_where_much_has_to_be_looked_at(desk: Desk) -> None:
    many = [policy(*[allow()] * 100) for _ in range(30)]
    actions = [f"codecommit:Get{number}" for number in range(8)]
    asked = {"PolicyInputList": many, "ActionNames": actions, "MaxItems": 1_000}
    names: list[str] = []
    answer: dict[str, Any] = {"IsTruncated": True}
    while answer["IsTruncated"]:
        more = {"Marker": answer["Marker"]} if "Marker" in answer else {}
        answer = desk.ask("SimulateCustomPolicy", **asked, **more)
        found = answer["EvaluationResults"]
        assert sum(len(each["MatchedStatements"]) for each in found) <= 20_000
        names += [each["EvalActionName"] for each in found]
    assert names == actions


def test_context_that_is_missing_is_told_and_context_that_is_given_decides(desk: Desk) -> None:
    guarded = policy(allow(Condition={"StringEquals": {"codecommit:References": ["refs/heads/main"]}}))
    result = custom(desk, guarded)
    assert (result["EvalDecision"], result["MissingContextValues"]) == (
        "implicitDeny",
        ["codecommit:References"],
    )
    on_demo = custom(desk, guarded, ResourceArns=[DEMO])
    assert on_demo["MissingContextValues"] == []
    assert on_demo["ResourceSpecificResults"][0]["MissingContextValues"] == ["codecommit:References"]
    entry = {
        "ContextKeyName": "codecommit:references",
        "ContextKeyValues": ["refs/heads/main"],
        "ContextKeyType": "string",
    }
    given = custom(desk, guarded, ContextEntries=[entry])
    assert (given["EvalDecision"], given["MissingContextValues"]) == ("allowed", [])


def test_a_boundary_limits_and_is_told_apart(desk: Desk) -> None:
    inside = custom(desk, policy(allow()), PermissionsBoundaryPolicyInputList=[policy(allow())])
    assert inside["EvalDecision"] == "allowed"
    assert inside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    outside = custom(desk, policy(allow()), PermissionsBoundaryPolicyInputList=[policy(allow("s3:*"))])
    assert outside["EvalDecision"] == "implicitDeny"
    assert outside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    two = [policy(allow())] * 2
    fault = desk.refusal(
        "SimulateCustomPolicy",
        PolicyInputList=two,
        ActionNames=["codecommit:GitPush"],
        PermissionsBoundaryPolicyInputList=two,
    )
    assert fault.code == "InvalidInput"


def test_organization_policies_must_allow_on_every_level(desk: Desk) -> None:
    def level(*texts: str) -> dict[str, Any]:
        return {"ServiceControlPolicyInputList": list(texts)}

    yes, no = policy(allow("*")), policy(allow("s3:*"))
    through = custom(desk, yes, OrderedOrganizationPolicyInputList=[level(yes), level(no, yes)])
    assert through["EvalDecision"] == "allowed"
    assert through["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}
    stopped = custom(desk, yes, OrderedOrganizationPolicyInputList=[level(yes), level(no)])
    assert stopped["EvalDecision"] == "implicitDeny"
    assert stopped["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    denied = custom(desk, yes, OrderedOrganizationPolicyInputList=[level(yes, policy(deny()))])
    assert denied["EvalDecision"] == "explicitDeny"
    (matched,) = denied["MatchedStatements"]
    assert matched["SourcePolicyId"] == "OrderedOrganizationPolicyInputList.1.ServiceControlPolicyInputList.2"


def test_a_resource_policy_names_the_simulated_caller(desk: Desk) -> None:
    for_mary = policy({**allow(), "Principal": {"AWS": MARY}})
    result = custom(desk, policy(allow("s3:*")), ResourcePolicy=for_mary, CallerArn=MARY, ResourceArns=[DEMO])
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"][0]["SourcePolicyType"] == "resource"
    other = custom(
        desk,
        policy(allow("s3:*")),
        ResourcePolicy=for_mary,
        CallerArn=MARY.replace("mary", "li"),
        ResourceArns=[DEMO],
    )
    assert other["EvalDecision"] == "implicitDeny"


def test_across_accounts_both_sides_must_allow_and_each_ones_word_is_told(desk: Desk) -> None:
    for_mary = policy({**allow(), "Principal": {"AWS": MARY}})
    both = custom(desk, policy(allow()), ResourcePolicy=for_mary, CallerArn=MARY, ResourceArns=[ABROAD])
    assert both["EvalDecision"] == "allowed"
    assert both["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "allowed"}
    one = custom(desk, policy(allow("s3:*")), ResourcePolicy=for_mary, CallerArn=MARY, ResourceArns=[ABROAD])
    assert one["EvalDecision"] == "implicitDeny"
    assert one["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    owned = custom(
        desk,
        policy(allow("s3:*")),
        action="s3:GetObject",
        CallerArn=MARY,
        ResourceArns=["arn:aws:s3:::bucket/key"],
        ResourceOwner="arn:aws:iam::444455556666:root",
    )
    assert owned["EvalDecision"] == "implicitDeny"


def test_the_policies_that_bind_a_user_are_simulated_with_their_names(desk: Desk, mary: str) -> None:
    desk.ask("CreateGroup", GroupName="team")
    desk.ask("AddUserToGroup", GroupName="team", UserName="mary")
    desk.ask("PutGroupPolicy", GroupName="team", PolicyName="reads", PolicyDocument=policy(allow()))
    desk.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=policy(allow()))
    managed = desk.ask("CreatePolicy", PolicyName="mine", PolicyDocument=policy(allow()))["Policy"]["Arn"]
    desk.ask("AttachUserPolicy", UserName="mary", PolicyArn=managed)
    desk.ask("AttachUserPolicy", UserName="mary", PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")

    def sources(**more: Any) -> list[tuple[str, str]]:
        (result,) = desk.ask(
            "SimulatePrincipalPolicy",
            PolicySourceArn=mary,
            ActionNames=["codecommit:GitPull"],
            ResourceArns=[DEMO],
            **more,
        )["EvaluationResults"]
        return [(each["SourcePolicyId"], each["SourcePolicyType"]) for each in result["MatchedStatements"]]

    everything = [
        ("user_mary_own", "user"),
        ("AWSCodeCommitReadOnly", "aws-managed"),
        ("mine", "user-managed"),
        ("group_team_reads", "group"),
    ]
    assert sorted(sources()) == sorted(everything)
    more = sources(PolicyInputList=[policy(allow())])
    assert more[-1] == ("PolicyInputList.1", "none")
    left = sources(
        PolicyExclusionList=[
            {"PolicyType": "aws-managed"},
            {"PolicyArn": managed},
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "own",
                    "AttachmentType": "user",
                    "AttachmentName": "mary",
                }
            },
        ]
    )
    assert left == [("group_team_reads", "group")]


def test_who_the_user_is_needs_no_context_entries(desk: Desk, mary: str) -> None:
    own = policy(allow(Resource="arn:aws:codecommit:*:*:${aws:username}-*"))
    desk.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=own)

    def decision(**more: Any) -> str:
        (result,) = desk.ask(
            "SimulatePrincipalPolicy",
            PolicySourceArn=mary,
            ActionNames=["codecommit:GitPull"],
            ResourceArns=[DEMO.replace("demo", "mary-1")],
            **more,
        )["EvaluationResults"]
        return str(result["EvalDecision"])

    assert decision() == "allowed"
    assert decision(CallerArn=MARY.replace("mary", "li")) == "implicitDeny"  # li, with mary's policies


def test_a_users_boundary_binds_unless_another_is_tried(desk: Desk, mary: str) -> None:
    desk.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=policy(allow()))
    desk.ask(
        "PutUserPermissionsBoundary",
        UserName="mary",
        PermissionsBoundary="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly",
    )

    def result(**more: Any) -> dict[str, Any]:
        (found,) = desk.ask(
            "SimulatePrincipalPolicy", PolicySourceArn=mary, ActionNames=["codecommit:GitPush"], **more
        )["EvaluationResults"]
        return dict(found)

    assert result()["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert result(PermissionsBoundaryPolicyInputList=[policy(allow())])["EvalDecision"] == "allowed"
    excluded = result(PolicyExclusionList=[{"PolicyType": "permission-boundary"}])
    assert excluded["EvalDecision"] == "allowed"
    assert "PermissionsBoundaryDecisionDetail" not in excluded


def test_groups_and_roles_can_be_simulated_too(desk: Desk) -> None:
    desk.ask("CreateGroup", GroupName="team")
    desk.ask("PutGroupPolicy", GroupName="team", PolicyName="p", PolicyDocument=policy(allow()))
    with desk.installation.database.write() as connection:
        roles.create(connection, ACCOUNT, "builder", path="/ci/", trust_policy="{}", now_ms=1)
    for name, decision in (("group/team", "allowed"), ("role/ci/builder", "implicitDeny")):
        (result,) = desk.ask(
            "SimulatePrincipalPolicy",
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:{name}",
            ActionNames=["codecommit:GitPush"],
        )["EvaluationResults"]
        assert result["EvalDecision"] == decision


def test_context_keys_are_listed(desk: Desk, mary: str) -> None:
    first = policy(allow(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    second = policy(allow(Resource="arn:aws:codecommit:*:*:${aws:username}"))
    answer = desk.ask("GetContextKeysForCustomPolicy", PolicyInputList=[first, second])
    assert answer["ContextKeyNames"] == ["aws:MultiFactorAuthPresent", "aws:username"]
    desk.ask("PutUserPolicy", UserName="mary", PolicyName="own", PolicyDocument=first)
    answer = desk.ask("GetContextKeysForPrincipalPolicy", PolicySourceArn=mary, PolicyInputList=[second])
    assert answer["ContextKeyNames"] == ["aws:MultiFactorAuthPresent", "aws:username"]
    assert desk.ask("GetContextKeysForPrincipalPolicy", PolicySourceArn=mary)["ContextKeyNames"] == [
        "aws:MultiFactorAuthPresent"
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"PolicyInputList": ["{"]}, "PolicyInputList.1 is malformed: The policy is not valid JSON"),
        ({"ActionNames": ["codecommit:*"]}, "Invalid action"),
        ({"ActionNames": ["GitPush"]}, "Invalid action"),
        ({"CallerArn": f"arn:aws:iam::{ACCOUNT}:role/x"}, "Invalid CallerArn"),
        ({"ResourcePolicy": policy({**allow(), "Principal": "*"})}, "needs a CallerArn"),
        ({"ResourceOwner": "me"}, "Invalid ResourceOwner"),
        ({"ResourceHandlingOption": "EC2-VPC-EBS"}, "ResourceHandlingOption"),
        ({"ContextEntries": [{"ContextKeyName": "username"}]}, "Invalid ContextKeyName"),
        (
            {
                "ContextEntries": [
                    {
                        "ContextKeyName": "aws:x",
                        "ContextKeyValues": ["a", "b"],
                        "ContextKeyType": "string",
                    }
                ]
            },
            "stringList",
        ),
        (
            {"ActionNames": ["a:b"] * 101, "ResourceArns": ["arn:aws:s3:::x"] * 100},
            "At most 10000 actions",
        ),
    ],
)
def test_what_cannot_be_simulated_is_invalid_input(desk: Desk, wrong: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"PolicyInputList": [policy(allow())], "ActionNames": ["codecommit:GitPush"]}
    fault = desk.refusal("SimulateCustomPolicy", **(asked | wrong))
    assert (fault.code, message in fault.message) == ("InvalidInput", True), fault.message


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/nobody", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:group/nobody", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:role/nobody", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:user/other/mary", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:policy/mine", "InvalidInput"),
        (f"arn:aws-cn:iam::{ACCOUNT}:user/mary", "InvalidInput"),
        ("arn:aws:iam::444455556666:user/mary", "AccessDenied"),
    ],
)
def test_whose_policies_cannot_be_found_is_told(desk: Desk, mary: str, arn: str, code: str) -> None:
    assert mary
    fault = desk.refusal("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=["codecommit:GitPush"])
    assert fault.code == code
