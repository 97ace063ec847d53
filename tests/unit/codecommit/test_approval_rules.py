"""Approval rules, approvals and overrides: what they do, and each error of their operations."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from moorage.core.faults import Fault
from moorage.storage import tables
from pull_requests_at_hand import Work
from repositories_at_hand import Desk

pytestmark = pytest.mark.slow

ALL = {"Effect": "Allow", "Action": ["codecommit:*", "kms:*"], "Resource": "*"}
NAME = "Two eyes"


def rule(needed: int = 1, *pool: str, **more: Any) -> str:
    statement: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": needed}
    if pool:
        statement["ApprovalPoolMembers"] = list(pool)
    # A final newline, which must be kept and hashed.
    return json.dumps({"Version": "2018-11-08", "Statements": [statement], **more}) + "\n"


class Case:
    """An open pull request of the account's root user."""

    def __init__(self, work: Work, number: str = "") -> None:
        self.work = work
        self.number = number or work.request()

    def by(self, desk: Desk) -> Case:
        return Case(self.work.by(desk), self.number)

    def by_user(self, name: str) -> Case:
        return self.by(self.work.desk.of_user(name, ALL))

    @property
    def revision(self) -> str:
        return str(self.work.get(self.number)["revisionId"])

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.work.desk.ask(operation, pullRequestId=self.number, **request)

    def refusal(self, operation: str, **request: Any) -> str:
        with pytest.raises(Fault) as refused:
            self.ask(operation, **request)
        assert refused.value.message
        return refused.value.code.removesuffix("Exception")

    def add(self, name: str = NAME, content: str = rule()) -> dict[str, Any]:
        answer = self.ask("CreatePullRequestApprovalRule", approvalRuleName=name, approvalRuleContent=content)
        return dict(answer["approvalRule"])

    def approve(self, state: str = "APPROVE", revision: str = "") -> None:
        self.ask("UpdatePullRequestApprovalState", revisionId=revision or self.revision, approvalState=state)

    def override(self, status: str = "OVERRIDE") -> None:
        self.ask("OverridePullRequestApprovalRules", revisionId=self.revision, overrideStatus=status)

    def evaluation(self) -> dict[str, Any]:
        answer = self.ask("EvaluatePullRequestApprovalRules", revisionId=self.revision)
        return dict(answer["evaluation"])

    def approvers(self, revision: str = "") -> list[str]:
        answer = self.ask("GetPullRequestApprovalStates", revisionId=revision or self.revision)
        assert all(one["approvalState"] == "APPROVE" for one in answer["approvals"])
        return [one["userArn"].rpartition("/")[2] for one in answer["approvals"]]

    def override_state(self, revision: str = "") -> dict[str, Any]:
        return self.ask("GetPullRequestOverrideState", revisionId=revision or self.revision)


@pytest.fixture
def case(desk: Desk, tmp_path: Path) -> Case:
    work = Work.at(desk, tmp_path)
    work.commit("feature")
    return Case(work)


# --- rules ----------------------------------------------------------------------------------


def test_a_rule_is_made_changed_and_deleted_and_all_of_it_is_told(case: Case) -> None:
    content, other = rule(), rule(2)
    made = case.add(content=content)
    assert made["approvalRuleContent"] == content
    assert made["ruleContentSha256"] == hashlib.sha256(content.encode()).hexdigest()
    assert "originApprovalRuleTemplate" not in made
    shown = case.work.get(case.number)["approvalRules"]
    assert [one["approvalRuleId"] for one in shown] == [made["approvalRuleId"]]
    changed = case.ask(
        "UpdatePullRequestApprovalRuleContent",
        approvalRuleName=NAME,
        newRuleContent=other,
        existingRuleContentSha256=made["ruleContentSha256"],
    )["approvalRule"]
    assert changed["approvalRuleContent"] == other
    assert changed["approvalRuleId"] == made["approvalRuleId"]
    deleted = case.ask("DeletePullRequestApprovalRule", approvalRuleName=NAME)
    assert deleted == {"approvalRuleId": made["approvalRuleId"]}
    assert case.ask("DeletePullRequestApprovalRule", approvalRuleName=NAME) == {}
    kinds = [f"APPROVAL_RULE_{kind}" for kind in ("CREATED", "UPDATED", "DELETED")]
    assert case.work.kinds(case.number) == ["CREATED", *kinds]
    for event, text in zip(case.work.history(case.number)[1:], (content, other, other), strict=True):
        assert event["approvalRuleEventMetadata"] == {
            "approvalRuleName": NAME,
            "approvalRuleId": made["approvalRuleId"],
            "approvalRuleContent": text,
        }
    told = case.work.told()[1:]
    assert [one["event"] for one in told] == [
        f"pullRequestApprovalRule{kind}" for kind in ("Created", "Updated", "Deleted")
    ]
    assert [one["approvalRuleContentSha256"] for one in told] == [
        hashlib.sha256(text.encode()).hexdigest() for text in (content, other, other)
    ]
    assert {one["approvalRuleName"] for one in told} == {NAME}


def test_a_rule_has_a_name_of_its_own_and_content_of_the_right_form(case: Case) -> None:
    case.add()
    good = {"approvalRuleName": "new", "approvalRuleContent": rule()}
    for wrong, error in (
        ({"approvalRuleName": NAME}, "ApprovalRuleNameAlreadyExists"),
        ({"approvalRuleName": "r" * 101}, "InvalidApprovalRuleName"),
        ({"approvalRuleName": " "}, "InvalidApprovalRuleName"),
        ({"approvalRuleContent": "{}"}, "InvalidApprovalRuleContent"),
        ({"approvalRuleContent": rule(DestinationReferences=["refs/heads/m"])}, "InvalidApprovalRuleContent"),
    ):
        assert case.refusal("CreatePullRequestApprovalRule", **{**good, **wrong}) == error
    update = {"approvalRuleName": NAME, "newRuleContent": rule(2)}
    for wrong, error in (
        ({"approvalRuleName": "none"}, "ApprovalRuleDoesNotExist"),
        ({"approvalRuleName": ""}, "InvalidApprovalRuleName"),
        ({"newRuleContent": "[]"}, "InvalidApprovalRuleContent"),
        ({"existingRuleContentSha256": "0" * 64}, "InvalidRuleContentSha256"),
        ({"existingRuleContentSha256": "short"}, "InvalidRuleContentSha256"),
    ):
        assert case.refusal("UpdatePullRequestApprovalRuleContent", **{**update, **wrong}) == error
    assert case.refusal("DeletePullRequestApprovalRule", approvalRuleName="\0") == "InvalidApprovalRuleName"
    assert (
        case.refusal("CreatePullRequestApprovalRule", approvalRuleName="a") == "ApprovalRuleContentRequired"
    )
    assert case.refusal("DeletePullRequestApprovalRule") == "ApprovalRuleNameRequired"


def test_a_pull_request_has_thirty_rules_at_most(case: Case) -> None:
    for number in range(30):
        case.add(f"rule {number}")
    request = {"approvalRuleName": "one more", "approvalRuleContent": rule()}
    assert case.refusal("CreatePullRequestApprovalRule", **request) == "NumberOfRulesExceeded"
    case.ask("DeletePullRequestApprovalRule", approvalRuleName="rule 7")
    case.add("one more")


def test_a_template_gives_its_rule_to_pull_requests_into_its_branches_made_later(case: Case) -> None:
    desk = case.work.desk
    content = rule(DestinationReferences=["refs/heads/ma*"])
    for name, text in (("for main", content), ("other", rule(DestinationReferences=["refs/heads/other"]))):
        made = desk.ask(
            "CreateApprovalRuleTemplate", approvalRuleTemplateName=name, approvalRuleTemplateContent=text
        )["approvalRuleTemplate"]
        desk.ask(
            "AssociateApprovalRuleTemplateWithRepository",
            approvalRuleTemplateName=name,
            repositoryName="Demo",
        )
    assert case.work.get(case.number)["approvalRules"] == []
    later = Case(case.work)
    (given,) = case.work.get(later.number)["approvalRules"]
    origin = given["originApprovalRuleTemplate"]
    assert (given["approvalRuleName"], given["approvalRuleContent"]) == ("for main", content)
    assert (origin["approvalRuleTemplateName"], len(origin["approvalRuleTemplateId"])) == ("for main", 36)
    assert made["approvalRuleTemplateId"] != origin["approvalRuleTemplateId"]
    request = {"approvalRuleName": "for main"}
    assert (
        later.refusal("UpdatePullRequestApprovalRuleContent", **request, newRuleContent=rule())
        == "CannotModifyApprovalRuleFromTemplate"
    )
    assert later.refusal("DeletePullRequestApprovalRule", **request) == "CannotDeleteApprovalRuleFromTemplate"
    desk.ask("UpdateApprovalRuleTemplateContent", approvalRuleTemplateName="for main", newRuleContent=rule(5))
    desk.ask(
        "DisassociateApprovalRuleTemplateFromRepository",
        approvalRuleTemplateName="for main",
        repositoryName="Demo",
    )
    desk.ask("DeleteApprovalRuleTemplate", approvalRuleTemplateName="for main")
    assert case.work.get(later.number)["approvalRules"] == [given]
    assert later.evaluation()["approvalRulesNotSatisfied"] == ["for main"]
    later.by_user("li").approve()
    assert later.evaluation()["approvalRulesSatisfied"] == ["for main"]


# --- approvals ------------------------------------------------------------------------------


def test_a_rule_is_met_by_enough_people_of_its_pool(case: Case) -> None:
    account = case.work.desk.caller.account_id
    # Rules are judged in the order in which they were made, or by name within one millisecond.
    case.add("any two", rule(2))
    case.add("one of one", rule(1, f"CodeCommitApprovers:{account}:mary"))
    mary, li = case.by_user("mary"), case.by_user("li")
    li.approve()
    li.approve()
    assert case.evaluation() == {
        "approved": False,
        "overridden": False,
        "approvalRulesSatisfied": [],
        "approvalRulesNotSatisfied": ["any two", "one of one"],
    }
    with pytest.raises(Fault, match="PullRequestApprovalRulesNotSatisfiedException"):
        case.work.merge(case.number)
    mary.approve()
    assert case.approvers() == ["li", "mary"]
    assert case.evaluation()["approved"]
    li.approve("REVOKE")
    li.approve("REVOKE")
    assert case.approvers() == ["mary"]
    assert case.evaluation()["approvalRulesSatisfied"] == ["one of one"]
    kinds = case.work.kinds(case.number)
    assert kinds.count("APPROVAL_STATE_CHANGED") == 3
    told = [one for one in case.work.told() if one["event"] == "pullRequestApprovalStateChanged"]
    assert [one["approvalStatus"] for one in told] == ["APPROVE", "APPROVE", "REVOKE"]
    last = case.work.history(case.number)[-1]["approvalStateChangedEventMetadata"]
    assert last == {"revisionId": case.revision, "approvalStatus": "REVOKE"}
    li.approve()
    assert case.work.merge(case.number)["pullRequestStatus"] == "CLOSED"


def test_an_author_cannot_approve_and_what_was_seen_must_be_current(case: Case) -> None:
    li = case.by_user("li")
    operation = "UpdatePullRequestApprovalState"
    old = case.revision
    request = {"revisionId": old, "approvalState": "APPROVE"}
    assert case.refusal(operation, **request) == "PullRequestCannotBeApprovedByAuthor"
    for wrong, error in (
        ({"approvalState": "PERHAPS"}, "InvalidApprovalState"),
        ({"revisionId": "first"}, "InvalidRevisionId"),
        ({"revisionId": ""}, "RevisionIdRequired"),
        ({"revisionId": "0" * 64}, "RevisionNotCurrent"),
    ):
        assert li.refusal(operation, **{**request, **wrong}) == error
    assert li.refusal(operation, revisionId=old) == "ApprovalStateRequired"
    li.approve()
    case.override()
    case.work.commit("feature")
    assert case.revision != old
    assert case.approvers() == []
    assert case.approvers(old) == ["li"]
    assert case.override_state() == {"overridden": False}
    assert case.override_state(old)["overridden"]
    assert li.refusal(operation, **request) == "RevisionNotCurrent"
    assert (
        case.refusal("OverridePullRequestApprovalRules", revisionId=old, overrideStatus="OVERRIDE")
        == "RevisionNotCurrent"
    )
    assert case.refusal("EvaluatePullRequestApprovalRules", revisionId=old) == "RevisionNotCurrent"


def test_a_revision_has_two_hundred_approvals_at_most(case: Case) -> None:
    revision = case.revision
    with case.work.desk.call.database.write() as connection:
        rows = [{"revision_id": revision, "user_arn": f"arn:{one}", "at_ms": one} for one in range(199)]
        connection.execute(insert(tables.approvals), rows)
    li, mary = case.by_user("li"), case.by_user("mary")
    li.approve()
    li.approve()
    request = {"revisionId": revision, "approvalState": "APPROVE"}
    assert mary.refusal("UpdatePullRequestApprovalState", **request) == "MaximumNumberOfApprovalsExceeded"
    li.approve("REVOKE")
    mary.approve()


def test_states_of_revisions_that_the_pull_request_never_had_are_not_told(case: Case) -> None:
    other = Case(case.work)
    for operation in ("GetPullRequestApprovalStates", "GetPullRequestOverrideState"):
        for revision in (other.revision, "0" * 64, "first"):
            assert case.refusal(operation, revisionId=revision) == "InvalidRevisionId"
        assert case.refusal(operation) == "RevisionIdRequired"


# --- overrides ------------------------------------------------------------------------------


def test_rules_are_put_aside_and_hold_again(case: Case) -> None:
    case.add()
    assert case.override_state() == {"overridden": False}
    case.override("REVOKE")
    li = case.by_user("li")
    li.override()
    state = case.override_state()
    assert state == {"overridden": True, "overrider": str(li.work.desk.caller.principal.arn)}
    request = {"revisionId": case.revision, "overrideStatus": "OVERRIDE"}
    assert case.refusal("OverridePullRequestApprovalRules", **request) == "OverrideAlreadySet"
    request["overrideStatus"] = "PERHAPS"
    assert case.refusal("OverridePullRequestApprovalRules", **request) == "InvalidOverrideStatus"
    del request["overrideStatus"]
    assert case.refusal("OverridePullRequestApprovalRules", **request) == "OverrideStatusRequired"
    found = case.evaluation()
    assert (found["approved"], found["overridden"]) == (False, True)
    case.override("REVOKE")
    with pytest.raises(Fault, match="PullRequestApprovalRulesNotSatisfiedException"):
        case.work.merge(case.number)
    case.override()
    assert case.work.kinds(case.number).count("APPROVAL_RULE_OVERRIDDEN") == 3
    told = [one for one in case.work.told() if one["event"] == "pullRequestApprovalRuleOverridden"]
    assert [one["overrideStatus"] for one in told] == ["OVERRIDE", "REVOKE", "OVERRIDE"]
    last = case.work.history(case.number)[-1]["approvalRuleOverriddenEventMetadata"]
    assert last == {"revisionId": case.revision, "overrideStatus": "OVERRIDE"}
    case.work.merge(case.number)


# --- every operation ------------------------------------------------------------------------


def requests_for(case: Case) -> dict[str, dict[str, Any]]:
    """Return a good request of each operation that only an open pull request takes."""
    return {
        "CreatePullRequestApprovalRule": {"approvalRuleName": "new", "approvalRuleContent": rule()},
        "UpdatePullRequestApprovalRuleContent": {"approvalRuleName": NAME, "newRuleContent": rule()},
        "DeletePullRequestApprovalRule": {"approvalRuleName": NAME},
        "UpdatePullRequestApprovalState": {"revisionId": case.revision, "approvalState": "REVOKE"},
        "OverridePullRequestApprovalRules": {"revisionId": case.revision, "overrideStatus": "OVERRIDE"},
    }


READS = ("EvaluatePullRequestApprovalRules", "GetPullRequestApprovalStates", "GetPullRequestOverrideState")


def test_a_closed_pull_request_is_read_and_not_changed(case: Case) -> None:
    case.add()
    case.ask("UpdatePullRequestStatus", pullRequestStatus="CLOSED")
    before = case.work.history(case.number)
    for operation, request in requests_for(case).items():
        assert case.refusal(operation, **request) == "PullRequestAlreadyClosed"
    for operation in READS:
        case.ask(operation, revisionId=case.revision)
    assert case.work.history(case.number) == before


def test_each_operation_names_a_pull_request_that_is_there_and_needs_right_and_key(case: Case) -> None:
    case.add()
    requests = requests_for(case) | {name: {"revisionId": case.revision} for name in READS}
    deny_key = {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}
    keyless = case.by(case.work.desk.of_user("keyless", ALL, deny_key))
    nobody = case.by(case.work.desk.of_user("nobody"))
    for operation, request in requests.items():
        assert Case(case.work, "999").refusal(operation, **request) == "PullRequestDoesNotExist"
        assert Case(case.work, "first").refusal(operation, **request) == "InvalidPullRequestId"
        assert nobody.refusal(operation, **request) == "AccessDenied"
        assert keyless.refusal(operation, **request) == "EncryptionKeyAccessDenied"
        with pytest.raises(Fault, match="PullRequestIdRequiredException"):
            case.work.desk.ask(operation, **request)


# --- races ----------------------------------------------------------------------------------


def test_an_approval_that_races_with_a_push_never_counts_for_what_was_not_seen(case: Case) -> None:
    case.add()
    li = case.by_user("li")
    seen = case.revision
    together = threading.Barrier(2)
    refused: list[str] = []

    def approve() -> None:
        together.wait()
        try:
            li.approve(revision=seen)
        except Fault as fault:
            refused.append(fault.code)

    thread = threading.Thread(target=approve)
    thread.start()
    together.wait()
    case.work.commit("feature")
    thread.join()
    assert refused in ([], ["RevisionNotCurrentException"])
    assert case.approvers() == []
    assert not case.evaluation()["approved"]
    assert case.approvers(seen) == ([] if refused else ["li"])
