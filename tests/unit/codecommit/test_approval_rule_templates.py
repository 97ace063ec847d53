from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import insert

from moorage.core.faults import Fault
from moorage.storage import outbox, tables
from repositories_at_hand import Desk

STATEMENT = {"Type": "Approvers", "NumberOfApprovalsNeeded": 1}
# With spaces and a final newline, as no JSON library would write it again.
CONTENT = '{ "Version" : "2018-11-08",\n "Statements": ' + json.dumps([STATEMENT]) + "}\n"
OTHER = json.dumps({"Version": "2018-11-08", "Statements": [{**STATEMENT, "NumberOfApprovalsNeeded": 2}]})
NAME = "2 approvers for main"


def refusal(desk: Desk, operation: str, **request: Any) -> str:
    with pytest.raises(Fault) as refused:
        desk.ask(operation, **request)
    assert refused.value.message
    return refused.value.code


def template(desk: Desk, name: str = NAME, content: str = CONTENT, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = desk.ask(
        "CreateApprovalRuleTemplate",
        approvalRuleTemplateName=name,
        approvalRuleTemplateContent=content,
        **more,
    )["approvalRuleTemplate"]
    return made


def got(desk: Desk, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = desk.ask("GetApprovalRuleTemplate", approvalRuleTemplateName=name)
    shown: dict[str, Any] = found["approvalRuleTemplate"]
    return shown


def tie(desk: Desk, repository: str, name: str = NAME) -> None:
    desk.ask(
        "AssociateApprovalRuleTemplateWithRepository",
        approvalRuleTemplateName=name,
        repositoryName=repository,
    )


def told(desk: Desk) -> list[dict[str, Any]]:
    """Return the events that are told of templates."""
    with desk.installation.database.read() as connection:
        events = outbox.unsent(connection)
    of_templates = [one for one in events if one.detail_type == "CodeCommit Approval Rule Template Change"]
    assert all(one.resource_arn == "" for one in of_templates)
    return [json.loads(one.detail) for one in of_templates]


def test_a_template_is_kept_byte_for_byte_and_known_by_its_hash(desk: Desk) -> None:
    made = template(desk, approvalRuleTemplateDescription="For everybody")
    assert made["approvalRuleTemplateContent"] == CONTENT
    assert made["ruleContentSha256"] == hashlib.sha256(CONTENT.encode()).hexdigest()
    assert made["approvalRuleTemplateDescription"] == "For everybody"
    assert made["lastModifiedUser"] == desk.caller.principal.arn
    assert got(desk) == made
    assert "approvalRuleTemplateDescription" not in template(desk, "bare")
    (event, _) = told(desk)
    assert event["event"] == "approvalRuleTemplateCreated"
    assert event["approvalRuleTemplateId"] == made["approvalRuleTemplateId"]
    assert event["approvalRuleTemplateContentSha256"] == made["ruleContentSha256"]
    assert event["repositories"] == {}


def test_a_template_is_its_regions_own(desk: Desk) -> None:
    template(desk)
    other = desk.in_region("eu-west-1")
    assert (
        refusal(other, "GetApprovalRuleTemplate", approvalRuleTemplateName=NAME)
        == "ApprovalRuleTemplateDoesNotExistException"
    )
    assert other.ask("ListApprovalRuleTemplates")["approvalRuleTemplateNames"] == []
    template(other)
    assert (
        refusal(
            desk,
            "CreateApprovalRuleTemplate",
            approvalRuleTemplateName=NAME,
            approvalRuleTemplateContent=OTHER,
        )
        == "ApprovalRuleTemplateNameAlreadyExistsException"
    )
    assert got(desk)["approvalRuleTemplateContent"] == CONTENT


GOOD: dict[str, Any] = {"approvalRuleTemplateName": "new", "approvalRuleTemplateContent": CONTENT}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"approvalRuleTemplateName": "n" * 101}, "InvalidApprovalRuleTemplateNameException"),
        ({"approvalRuleTemplateName": ""}, "InvalidApprovalRuleTemplateNameException"),
        ({"approvalRuleTemplateName": "  "}, "InvalidApprovalRuleTemplateNameException"),
        ({"approvalRuleTemplateName": "a\0"}, "InvalidApprovalRuleTemplateNameException"),
        ({"approvalRuleTemplateContent": "{}"}, "InvalidApprovalRuleTemplateContentException"),
        (
            {"approvalRuleTemplateContent": CONTENT + " " * 3_000},
            "InvalidApprovalRuleTemplateContentException",
        ),
        ({"approvalRuleTemplateDescription": "d" * 1_001}, "InvalidApprovalRuleTemplateDescriptionException"),
        ({"approvalRuleTemplateDescription": "\0"}, "InvalidApprovalRuleTemplateDescriptionException"),
    ],
)
def test_what_has_not_the_form_is_refused(desk: Desk, wrong: dict[str, Any], code: str) -> None:
    assert refusal(desk, "CreateApprovalRuleTemplate", **{**GOOD, **wrong}) == code
    assert desk.ask("ListApprovalRuleTemplates")["approvalRuleTemplateNames"] == []


def test_what_is_absent_is_told_by_its_own_error(desk: Desk) -> None:
    for member, code in (
        ("approvalRuleTemplateName", "ApprovalRuleTemplateNameRequiredException"),
        ("approvalRuleTemplateContent", "ApprovalRuleTemplateContentRequiredException"),
    ):
        request = {name: value for name, value in GOOD.items() if name != member}
        assert refusal(desk, "CreateApprovalRuleTemplate", **request) == code


def test_an_account_has_a_thousand_templates_at_most(desk: Desk) -> None:
    made = template(desk)
    with desk.installation.database.write() as connection:
        own = tables.approval_rule_templates
        row = dict(connection.execute(own.select()).mappings().one())
        others = [row | {"template_id": f"t{number}", "name": f"t{number}"} for number in range(999)]
        connection.execute(insert(own), others)
    assert refusal(desk, "CreateApprovalRuleTemplate", **GOOD) == "NumberOfRuleTemplatesExceededException"
    desk.ask("DeleteApprovalRuleTemplate", approvalRuleTemplateName=made["approvalRuleTemplateName"])
    desk.ask("CreateApprovalRuleTemplate", **GOOD)


def test_content_is_changed_by_those_who_saw_it(desk: Desk) -> None:
    made = template(desk)
    request = {"approvalRuleTemplateName": NAME, "newRuleContent": OTHER}
    stale = hashlib.sha256(OTHER.encode()).hexdigest()
    for wrong in (stale, "short"):
        assert (
            refusal(desk, "UpdateApprovalRuleTemplateContent", **request, existingRuleContentSha256=wrong)
            == "InvalidRuleContentSha256Exception"
        )
    changed = desk.ask(
        "UpdateApprovalRuleTemplateContent", **request, existingRuleContentSha256=made["ruleContentSha256"]
    )["approvalRuleTemplate"]
    assert changed["approvalRuleTemplateContent"] == OTHER
    assert changed == got(desk)
    assert changed["approvalRuleTemplateId"] == made["approvalRuleTemplateId"]
    assert told(desk)[-1]["event"] == "approvalRuleTemplateUpdated"
    assert told(desk)[-1]["approvalRuleTemplateContentSha256"] == stale
    desk.ask("UpdateApprovalRuleTemplateContent", **request)
    for code, wrong_request in (
        ("InvalidApprovalRuleTemplateContentException", {**request, "newRuleContent": "[]"}),
        ("ApprovalRuleTemplateDoesNotExistException", {**request, "approvalRuleTemplateName": "none"}),
        ("ApprovalRuleTemplateContentRequiredException", {"approvalRuleTemplateName": NAME}),
    ):
        assert refusal(desk, "UpdateApprovalRuleTemplateContent", **wrong_request) == code


def test_description_and_name_are_changed(desk: Desk) -> None:
    template(desk)
    template(desk, "other")
    own = {"approvalRuleTemplateName": NAME}
    operation = "UpdateApprovalRuleTemplateDescription"
    changed = desk.ask(operation, **own, approvalRuleTemplateDescription="New")["approvalRuleTemplate"]
    assert changed["approvalRuleTemplateDescription"] == "New"
    desk.ask(operation, **own, approvalRuleTemplateDescription="")
    assert "approvalRuleTemplateDescription" not in got(desk)
    assert (
        refusal(desk, operation, **own, approvalRuleTemplateDescription="d" * 1_001)
        == "InvalidApprovalRuleTemplateDescriptionException"
    )
    operation = "UpdateApprovalRuleTemplateName"

    def rename(old: str, new: str) -> dict[str, str]:
        return {"oldApprovalRuleTemplateName": old, "newApprovalRuleTemplateName": new}

    assert (
        refusal(desk, operation, **rename(NAME, "other")) == "ApprovalRuleTemplateNameAlreadyExistsException"
    )
    assert refusal(desk, operation, **rename("none", "x")) == "ApprovalRuleTemplateDoesNotExistException"
    assert refusal(desk, operation, **rename(NAME, " ")) == "InvalidApprovalRuleTemplateNameException"
    desk.ask(operation, **rename(NAME, NAME))
    renamed = desk.ask(operation, **rename(NAME, "better"))["approvalRuleTemplate"]
    assert renamed["approvalRuleTemplateName"] == "better"
    assert desk.ask("ListApprovalRuleTemplates")["approvalRuleTemplateNames"] == ["better", "other"]


def test_lists_come_in_pages(desk: Desk) -> None:
    names = [f"template {number}" for number in range(5)]
    repositories = [f"demo{number}" for number in range(5)]
    for name in names:
        template(desk, name)
    for repository in repositories:
        desk.repository(repository)
        tie(desk, repository, names[0])
    for name in names[1:]:
        tie(desk, "demo0", name)

    def all_of(operation: str, key: str, **request: Any) -> list[str]:
        found: list[str] = []
        more: dict[str, Any] = {}
        while True:
            answer = desk.ask(operation, maxResults=2, **request, **more)
            assert len(answer[key]) <= 2
            found += answer[key]
            if "nextToken" not in answer:
                return found
            more = {"nextToken": answer["nextToken"]}

    assert all_of("ListApprovalRuleTemplates", "approvalRuleTemplateNames") == names
    operation = "ListAssociatedApprovalRuleTemplatesForRepository"
    assert all_of(operation, "approvalRuleTemplateNames", repositoryName="demo0") == names
    operation = "ListRepositoriesForApprovalRuleTemplate"
    assert all_of(operation, "repositoryNames", approvalRuleTemplateName=names[0]) == repositories
    for operation, request in (
        ("ListApprovalRuleTemplates", {}),
        ("ListAssociatedApprovalRuleTemplatesForRepository", {"repositoryName": "demo0"}),
        ("ListRepositoriesForApprovalRuleTemplate", {"approvalRuleTemplateName": names[0]}),
    ):
        assert refusal(desk, operation, **request, nextToken="x") == "InvalidContinuationTokenException"
        assert refusal(desk, operation, **request, maxResults=0) == "InvalidMaxResultsException"
    listing = "ListAssociatedApprovalRuleTemplatesForRepository"
    assert refusal(desk, listing, repositoryName="none") == "RepositoryDoesNotExistException"


def test_a_template_in_use_is_not_deleted_and_a_missing_one_is_no_error(desk: Desk) -> None:
    made = template(desk)
    desk.repository("demo")
    tie(desk, "demo")
    own = {"approvalRuleTemplateName": NAME}
    assert refusal(desk, "DeleteApprovalRuleTemplate", **own) == "ApprovalRuleTemplateInUseException"
    desk.ask("DeleteRepository", repositoryName="demo")
    assert desk.ask("DeleteApprovalRuleTemplate", **own) == {
        "approvalRuleTemplateId": made["approvalRuleTemplateId"]
    }
    assert told(desk)[-1]["event"] == "approvalRuleTemplateDeleted"
    before = len(told(desk))
    assert desk.ask("DeleteApprovalRuleTemplate", **own) == {}
    assert len(told(desk)) == before


def test_terraforms_and_cdks_sequence_of_a_template_and_its_association(desk: Desk) -> None:
    template(desk)
    repository_id = desk.repository("demo")["repositoryId"]
    own = {"approvalRuleTemplateName": NAME, "repositoryName": "demo"}
    tie(desk, "demo")
    tie(desk, "demo")
    listing = "ListAssociatedApprovalRuleTemplatesForRepository"
    assert desk.ask(listing, repositoryName="demo")["approvalRuleTemplateNames"] == [NAME]
    assert got(desk)["approvalRuleTemplateContent"] == CONTENT
    desk.ask("DisassociateApprovalRuleTemplateFromRepository", **own)
    desk.ask("DisassociateApprovalRuleTemplateFromRepository", **own)
    assert desk.ask(listing, repositoryName="demo")["approvalRuleTemplateNames"] == []
    events = told(desk)[1:]
    assert [event["event"] for event in events] == [
        "approvalRuleTemplateAssociatedWithRepository",
        "approvalRuleTemplateDisassociatedFromRepository",
    ]
    assert all(event["repositories"] == {"demo": repository_id} for event in events)
    desk.ask("DeleteApprovalRuleTemplate", approvalRuleTemplateName=NAME)


@pytest.mark.parametrize(
    "kind", ["AssociateApprovalRuleTemplateWith", "DisassociateApprovalRuleTemplateFrom"]
)
def test_an_association_names_a_template_and_a_repository_that_are_there(desk: Desk, kind: str) -> None:
    template(desk)
    desk.repository("demo")
    for name, repository, code in (
        (NAME, "none", "RepositoryDoesNotExistException"),
        ("none", "demo", "ApprovalRuleTemplateDoesNotExistException"),
        (NAME, "a.git", "InvalidRepositoryNameException"),
        (" ", "demo", "InvalidApprovalRuleTemplateNameException"),
    ):
        request = {"approvalRuleTemplateName": name, "repositoryName": repository}
        assert refusal(desk, f"{kind}Repository", **request) == code
    batch = f"Batch{kind}Repositories"
    for name, asked, code in (
        ("none", ["demo"], "ApprovalRuleTemplateDoesNotExistException"),
        (NAME, [], "RepositoryNamesRequiredException"),
        (NAME, ["demo"] * 101, "MaximumRepositoryNamesExceededException"),
        (" ", ["demo"], "InvalidApprovalRuleTemplateNameException"),
    ):
        assert refusal(desk, batch, approvalRuleTemplateName=name, repositoryNames=asked) == code


@pytest.mark.parametrize(
    "kind", ["AssociateApprovalRuleTemplateWith", "DisassociateApprovalRuleTemplateFrom"]
)
@pytest.mark.parametrize("wrong", ["a b", "", "x" * 101, "\0", "é"])
def test_a_name_that_no_repository_can_have_is_told_beside_the_others(
    desk: Desk, kind: str, wrong: str
) -> None:
    template(desk)
    desk.repository("demo")
    asked = {"approvalRuleTemplateName": NAME, "repositoryNames": [wrong, "demo"]}
    answer = desk.ask(f"Batch{kind}Repositories", **asked)
    assert [error["errorCode"] for error in answer["errors"]] == ["InvalidRepositoryNameException"]
    assert ["demo"] in answer.values()


def test_a_batch_does_what_can_be_done_and_tells_the_rest(desk: Desk) -> None:
    template(desk)
    ids = {name: desk.repository(name)["repositoryId"] for name in ("demo0", "demo1", "full")}
    for number in range(25):
        template(desk, f"t{number}")
        tie(desk, "full", f"t{number}")
    request = {
        "approvalRuleTemplateName": NAME,
        "repositoryNames": ["demo1", "a.git", "none", "full", "demo0", "demo1"],
    }
    answer = desk.ask("BatchAssociateApprovalRuleTemplateWithRepositories", **request)
    assert answer["associatedRepositoryNames"] == ["demo1", "demo0"]
    codes = [(error["repositoryName"], error["errorCode"]) for error in answer["errors"]]
    assert codes == [
        ("a.git", "InvalidRepositoryNameException"),
        ("none", "RepositoryDoesNotExistException"),
        ("full", "MaximumRuleTemplatesAssociatedWithRepositoryException"),
    ]
    event = told(desk)[-1]
    assert event["event"] == "batchAssociateApprovalRuleTemplateWithRepositories"
    assert event["repositories"] == {name: ids[name] for name in ("demo0", "demo1")}
    answer = desk.ask("BatchDisassociateApprovalRuleTemplateFromRepositories", **request)
    assert answer["disassociatedRepositoryNames"] == ["demo1", "full", "demo0"]
    assert [error["repositoryName"] for error in answer["errors"]] == ["a.git", "none"]
    assert told(desk)[-1]["event"] == "batchDisassociateApprovalRuleTemplateFromRepositories"
    assert (
        refusal(
            desk,
            "AssociateApprovalRuleTemplateWithRepository",
            approvalRuleTemplateName=NAME,
            repositoryName="full",
        )
        == "MaximumRuleTemplatesAssociatedWithRepositoryException"
    )


def test_a_batch_needs_rights_on_every_repository_and_none_is_changed_without(desk: Desk) -> None:
    template(desk)
    arns = [f"arn:aws:codecommit:us-east-2:{desk.caller.account_id}:{name}" for name in ("demo0", "demo1")]
    for name in ("demo0", "demo1"):
        desk.repository(name)
    user = desk.of_user("li", {"Effect": "Allow", "Action": ["codecommit:*", "kms:*"], "Resource": arns[0]})
    request = {"approvalRuleTemplateName": NAME, "repositoryNames": ["demo0", "demo1"]}
    assert refusal(user, "BatchAssociateApprovalRuleTemplateWithRepositories", **request) == "AccessDenied"
    listing = "ListRepositoriesForApprovalRuleTemplate"
    assert desk.ask(listing, approvalRuleTemplateName=NAME)["repositoryNames"] == []


def test_templates_need_no_key_and_associations_do(desk: Desk) -> None:
    template(desk)
    desk.repository("demo")
    tie(desk, "demo")
    keyless = desk.of_user(
        "li",
        {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "Resource": "*"},
    )
    assert got(keyless) == got(desk)
    template(keyless, "own")
    both = {"approvalRuleTemplateName": NAME, "repositoryName": "demo"}
    many = {"approvalRuleTemplateName": NAME, "repositoryNames": ["demo"]}
    for operation, request in (
        ("AssociateApprovalRuleTemplateWithRepository", both),
        ("DisassociateApprovalRuleTemplateFromRepository", both),
        ("BatchAssociateApprovalRuleTemplateWithRepositories", many),
        ("BatchDisassociateApprovalRuleTemplateFromRepositories", many),
        ("ListAssociatedApprovalRuleTemplatesForRepository", {"repositoryName": "demo"}),
        ("ListRepositoriesForApprovalRuleTemplate", {"approvalRuleTemplateName": NAME}),
    ):
        assert refusal(keyless, operation, **request) == "EncryptionKeyAccessDeniedException"
