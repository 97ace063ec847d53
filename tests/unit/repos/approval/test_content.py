from __future__ import annotations

import json
from typing import Any

import pytest

from moorage.core.faults import Fault
from moorage.repos.approval import content
from moorage.repos.approval.evaluation import evaluate_rules, is_met

A = "111122223333"
ONE: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": 1}


def text(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2018-11-08", "Statements": statements or [ONE], **more})


def test_content_is_read_as_written() -> None:
    pool = [f"CodeCommitApprovers:{A}:Mary", f"arn:aws:sts::{A}:assumed-role/Review/*"]
    sent = text(
        {**ONE, "NumberOfApprovalsNeeded": 2, "ApprovalPoolMembers": pool},
        DestinationReferences=["refs/heads/main", "refs/heads/release/*"],
    )
    read = content.template(sent)
    assert read.statements == (content.Statement(2, tuple(pool)),)
    assert read.is_about(b"refs/heads/main")
    assert read.is_about(b"refs/heads/release/1/2")
    assert not read.is_about(b"refs/heads/mainline")
    assert content.template(text()).is_about(b"refs/heads/\xff")
    assert content.stored(sent) == read


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{}",
        "[]",
        "nonsense",
        "[" * 2_999,
        '{"Version": "2018-11-08", "Version": "2018-11-08", "Statements": []}',
        json.dumps({"Version": "2012-10-17", "Statements": [ONE]}),
        json.dumps({"Statements": [ONE]}),
        json.dumps({"Version": "2018-11-08"}),
        json.dumps({"Version": "2018-11-08", "Statements": []}),
        json.dumps({"Version": "2018-11-08", "Statements": ONE}),
        json.dumps({"Version": "2018-11-08", "Statements": [1]}),
        text(Remarks="none"),
        text({**ONE, "Type": "Reviewers"}),
        text({"Type": "Approvers"}),
        text({**ONE, "More": 1}),
        *(text({**ONE, "NumberOfApprovalsNeeded": wrong}) for wrong in (-1, 201, 1.0, "1", True, None)),
        text({**ONE, "ApprovalPoolMembers": "Mary"}),
        text({**ONE, "ApprovalPoolMembers": ["Mary"]}),
        text({**ONE, "ApprovalPoolMembers": [7]}),
        text({**ONE, "ApprovalPoolMembers": [f"CodeCommitApprovers:{A}:M"] * 51}),
        text() + " " * 3_000,
        text() + "\0",
        text(DestinationReferences="refs/heads/main"),
        text(DestinationReferences=["main"]),
        text(DestinationReferences=["refs/tags/v1"]),
        text(DestinationReferences=["refs/heads/"]),
        text(DestinationReferences=["refs/heads/*"]),
        text(DestinationReferences=["refs/heads/a..b"]),
        text(DestinationReferences=["refs/heads/m"] * 101),
        '{"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": NaN}]}',
        '"\ud800"',
    ],
)
def test_wrong_content_is_refused_with_a_reason(sent: str) -> None:
    with pytest.raises(Fault) as refused:
        content.template(sent)
    assert refused.value.code == "InvalidApprovalRuleTemplateContentException"
    assert "is not valid: " in refused.value.message
    with pytest.raises(Fault, match="InvalidApprovalRuleContentException"):
        content.rule(sent)


def test_destinations_are_for_templates_only_and_limits_are_allowed() -> None:
    full = text(
        {**ONE, "ApprovalPoolMembers": [f"CodeCommitApprovers:{A}:M"] * 50},
        DestinationReferences=["refs/heads/m"] * 50,
    )
    assert content.template(full).destinations
    with pytest.raises(Fault, match="templates only"):
        content.rule(text(DestinationReferences=[]))
    padded = text() + " " * (3_000 - len(text()))
    assert content.rule(padded) == content.rule(text())
    assert content.sha256(padded) != content.sha256(text())


def test_a_rule_counts_distinct_approvers_in_its_pool_in_every_statement() -> None:
    mary, li, guest = (f"arn:aws:iam::{A}:user/{name}" for name in ("Mary", "Li", "Guest"))
    pool = [f"CodeCommitApprovers:{A}:Mary", f"CodeCommitApprovers:{A}:Li", li]
    both = content.rule(text({**ONE, "NumberOfApprovalsNeeded": 2, "ApprovalPoolMembers": pool}))
    assert not is_met(both, [mary, mary])
    assert not is_met(both, [mary, guest])
    assert not is_met(both, [li])
    assert is_met(both, [mary, li])
    anyone = content.rule(text({**ONE, "NumberOfApprovalsNeeded": 2}))
    assert is_met(anyone, [mary, guest])
    two = content.rule(text({**ONE, "NumberOfApprovalsNeeded": 3}, {**ONE, "ApprovalPoolMembers": [li]}))
    assert not is_met(two, [mary, guest, "x"])
    assert is_met(two, [mary, guest, li])


def test_rules_that_are_put_aside_stay_unmet_but_let_a_merge_pass() -> None:
    judged = evaluate_rules([("a", content.rule(text()))], [], overridden=True)
    assert (judged.approved, judged.overridden, judged.not_satisfied) == (False, True, ("a",))
    assert judged.may_merge
    assert not evaluate_rules([("a", content.rule(text()))], [], overridden=False).may_merge
    assert evaluate_rules([], [], overridden=False).approved
