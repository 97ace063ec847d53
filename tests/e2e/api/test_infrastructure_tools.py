"""What Terraform's AWS provider and CDK's handlers ask of CodeCommit, in their order, by boto3.

Each test is one resource's life: made, read back, changed, read again, deleted, found gone. Texts come back
byte for byte, for any other shows as drift in every later plan.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codecommit_at_hand import REGION, Service, fresh

TOPIC = f"arn:aws:sns:{REGION}:111122223333:topic"
# As heredocs, jsonencode and CDK's stringify write one and the same rule.
HEREDOC = """{
    "Version": "2018-11-08",
    "DestinationReferences": ["refs/heads/main"],
    "Statements": [{
        "Type": "Approvers",
        "NumberOfApprovalsNeeded": 2,
        "ApprovalPoolMembers": ["arn:aws:sts::123456789012:assumed-role/Reviewers/*"]
    }]
}
"""
ENCODED = json.dumps(json.loads(HEREDOC), sort_keys=True, separators=(",", ":"))
SPACED = (
    '{ "Version" : "2018-11-08", "Statements" : [{ "Type" : "Approvers", "NumberOfApprovalsNeeded" : 1 }] }'
)


def is_gone(code: str, call: Any, **request: Any) -> None:
    with pytest.raises(ClientError) as refused:
        call(**request)
    assert refused.value.response["Error"]["Code"] == code


@pytest.fixture
def codecommit(service: Service) -> Any:
    return service.codecommit()


def test_aws_codecommit_repository(codecommit: Any, service: Service) -> None:
    name, description = fresh("repository"), "Ünïcode, two\nlines and  spaces "
    made = codecommit.create_repository(
        repositoryName=name, repositoryDescription=description, tags={"team": "blue", "Empty": ""}
    )["repositoryMetadata"]
    read = codecommit.get_repository(repositoryName=name)["repositoryMetadata"]
    assert read == made
    assert (read["repositoryDescription"], read["Arn"]) == (description, service.arn(name))
    assert "defaultBranch" not in read
    tags = codecommit.list_tags_for_resource(resourceArn=read["Arn"])["tags"]
    assert tags == {"team": "blue", "Empty": ""}
    # `default_branch` is only set once there is such a branch: the provider lists branches first.
    assert codecommit.list_branches(repositoryName=name)["branches"] == []
    first = codecommit.create_commit(
        repositoryName=name, branchName="main", putFiles=[{"filePath": "a", "fileContent": b"a"}]
    )["commitId"]
    codecommit.create_branch(repositoryName=name, branchName="develop", commitId=first)
    assert "develop" in codecommit.list_branches(repositoryName=name)["branches"]
    codecommit.update_default_branch(repositoryName=name, defaultBranchName="develop")
    codecommit.update_repository_description(repositoryName=name, repositoryDescription="")
    codecommit.update_repository_encryption_key(repositoryName=name, kmsKeyId=read["kmsKeyId"])
    codecommit.untag_resource(resourceArn=read["Arn"], tagKeys=["Empty"])
    codecommit.tag_resource(resourceArn=read["Arn"], tags={"team": "red"})
    new = fresh("repository")
    codecommit.update_repository_name(oldName=name, newName=new)
    read = codecommit.get_repository(repositoryName=new)["repositoryMetadata"]
    assert (read["repositoryId"], read["defaultBranch"]) == (made["repositoryId"], "develop")
    assert read.get("repositoryDescription", "") == ""
    assert codecommit.list_tags_for_resource(resourceArn=read["Arn"])["tags"] == {"team": "red"}
    assert codecommit.delete_repository(repositoryName=new)["repositoryId"] == made["repositoryId"]
    is_gone("RepositoryDoesNotExistException", codecommit.get_repository, repositoryName=new)


def test_aws_codecommit_trigger(codecommit: Any, service: Service) -> None:
    name = service.repository()
    triggers = [
        {"name": "all", "destinationArn": TOPIC, "customData": "", "branches": [], "events": ["all"]},
        {
            "name": "some",
            "destinationArn": f"arn:aws:lambda:{REGION}:111122223333:function:build",
            "customData": " kept as  written \n",
            "branches": ["main", "release/1"],
            "events": ["createReference", "deleteReference"],
        },
    ]
    put = codecommit.put_repository_triggers(repositoryName=name, triggers=triggers)
    read = codecommit.get_repository_triggers(repositoryName=name)
    assert read["configurationId"] == put["configurationId"]
    told = [{"customData": "", "branches": [], **each} for each in read["triggers"]]
    assert told == triggers
    codecommit.put_repository_triggers(repositoryName=name, triggers=triggers[1:])
    read = codecommit.get_repository_triggers(repositoryName=name)
    assert [each["name"] for each in read["triggers"]] == ["some"]
    # Deleting the resource is putting none.
    codecommit.put_repository_triggers(repositoryName=name, triggers=[])
    assert codecommit.get_repository_triggers(repositoryName=name)["triggers"] == []
    codecommit.delete_repository(repositoryName=name)
    is_gone("RepositoryDoesNotExistException", codecommit.get_repository_triggers, repositoryName=name)


@pytest.mark.parametrize("content", [HEREDOC, ENCODED, SPACED], ids=["heredoc", "jsonencode", "spaced"])
def test_aws_codecommit_approval_rule_template(codecommit: Any, content: str) -> None:
    name = fresh("template")
    made = codecommit.create_approval_rule_template(
        approvalRuleTemplateName=name,
        approvalRuleTemplateContent=content,
        approvalRuleTemplateDescription="Two eyes",
    )["approvalRuleTemplate"]
    read = codecommit.get_approval_rule_template(approvalRuleTemplateName=name)["approvalRuleTemplate"]
    assert read == made
    assert (read["approvalRuleTemplateContent"], read["approvalRuleTemplateDescription"]) == (
        content,
        "Two eyes",
    )
    codecommit.update_approval_rule_template_description(
        approvalRuleTemplateName=name, approvalRuleTemplateDescription="Four eyes"
    )
    other = json.dumps(json.loads(content), indent=1)
    codecommit.update_approval_rule_template_content(
        approvalRuleTemplateName=name,
        newRuleContent=other,
        existingRuleContentSha256=made["ruleContentSha256"],
    )
    new = fresh("template")
    codecommit.update_approval_rule_template_name(
        oldApprovalRuleTemplateName=name, newApprovalRuleTemplateName=new
    )
    read = codecommit.get_approval_rule_template(approvalRuleTemplateName=new)["approvalRuleTemplate"]
    assert read["approvalRuleTemplateId"] == made["approvalRuleTemplateId"]
    assert read["approvalRuleTemplateContent"] == other
    assert read["approvalRuleTemplateDescription"] == "Four eyes"
    codecommit.delete_approval_rule_template(approvalRuleTemplateName=new)
    is_gone(
        "ApprovalRuleTemplateDoesNotExistException",
        codecommit.get_approval_rule_template,
        approvalRuleTemplateName=new,
    )


def test_aws_codecommit_approval_rule_template_association(codecommit: Any, service: Service) -> None:
    template, name = fresh("template"), service.repository()
    codecommit.create_approval_rule_template(
        approvalRuleTemplateName=template, approvalRuleTemplateContent=ENCODED
    )
    both = {"approvalRuleTemplateName": template, "repositoryName": name}
    codecommit.associate_approval_rule_template_with_repository(**both)
    codecommit.associate_approval_rule_template_with_repository(**both)  # a retry changes nothing
    used = codecommit.list_repositories_for_approval_rule_template(approvalRuleTemplateName=template)
    assert used["repositoryNames"] == [name]
    listed = codecommit.list_associated_approval_rule_templates_for_repository(repositoryName=name)
    assert listed["approvalRuleTemplateNames"] == [template]
    is_gone(
        "ApprovalRuleTemplateInUseException",
        codecommit.delete_approval_rule_template,
        approvalRuleTemplateName=template,
    )
    codecommit.disassociate_approval_rule_template_from_repository(**both)
    listed = codecommit.list_repositories_for_approval_rule_template(approvalRuleTemplateName=template)
    assert listed["repositoryNames"] == []
    codecommit.delete_approval_rule_template(approvalRuleTemplateName=template)


def test_the_repository_of_cloudformation(codecommit: Any, service: Service) -> None:
    """AWS::CodeCommit::Repository with `Code` and `Triggers`: made, updated and deleted."""
    name = fresh("repository")
    made = codecommit.create_repository(
        repositoryName=name, repositoryDescription="By CDK", tags={"aws-cdk:enabled": "true"}
    )["repositoryMetadata"]
    # The handler puts what `Code` names, an archive in S3, as the first commit.
    files = [
        {"filePath": "README.md", "fileContent": b"# Hello\n"},
        {"filePath": "bin/app.sh", "fileContent": b"#!/bin/sh\n", "fileMode": "EXECUTABLE"},
    ]
    commit = codecommit.create_commit(
        repositoryName=name, branchName="main", commitMessage="Initial commit", putFiles=files
    )["commitId"]
    trigger = {"name": "build", "destinationArn": TOPIC, "branches": ["main"], "events": ["updateReference"]}
    codecommit.put_repository_triggers(repositoryName=name, triggers=[trigger])
    read = codecommit.get_repository(repositoryName=name)["repositoryMetadata"]
    # What Fn::GetAtt gives: Arn, Name, CloneUrlHttp, CloneUrlSsh; Ref is the id.
    for key in ("Arn", "repositoryName", "cloneUrlHttp", "cloneUrlSsh", "repositoryId"):
        assert read[key] == made[key]
    assert codecommit.get_branch(repositoryName=name, branchName="main")["branch"]["commitId"] == commit
    got = codecommit.get_file(repositoryName=name, filePath="bin/app.sh")
    assert (got["fileContent"], got["fileMode"]) == (b"#!/bin/sh\n", "EXECUTABLE")
    codecommit.update_repository_description(repositoryName=name, repositoryDescription="By CDK, again")
    (told,) = codecommit.get_repository_triggers(repositoryName=name)["triggers"]
    assert {key: told[key] for key in trigger} == trigger
    codecommit.put_repository_triggers(repositoryName=name, triggers=[])
    assert codecommit.list_tags_for_resource(resourceArn=service.arn(name))["tags"] == {
        "aws-cdk:enabled": "true"
    }
    codecommit.delete_repository(repositoryName=name)
    # Deleting again, as after a time-out, is no error: the answer has no id.
    assert "repositoryId" not in codecommit.delete_repository(repositoryName=name)
