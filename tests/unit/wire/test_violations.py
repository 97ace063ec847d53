from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import OperationModel, Shape

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models, patterns, violations

KNOWN_WITHOUT_ERROR = {
    # The model declares no error for these; what is answered instead.
    ("ListFileCommitHistory", "filePath"): "PathRequiredException",
    ("UpdateApprovalRuleTemplateDescription", "approvalRuleTemplateDescription"):
        "InvalidApprovalRuleTemplateDescriptionException",
    ("UpdatePullRequestDescription", "description"): "InvalidDescriptionException",
    ("MergePullRequestBySquash", "fileMode"): "FileModeRequiredException",
    ("MergePullRequestByThreeWay", "fileMode"): "FileModeRequiredException",
}  # fmt: skip


def refused(service: str, operation: str, request: dict[str, Any]) -> Fault:
    with pytest.raises(Fault) as caught:
        violations.validate(request, models.operation_model(service, operation))
    return caught.value


def sample(shape: Shape) -> Any:
    """A value that keeps every rule but patterns."""
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.members}
    if shape.type_name == "list":
        return [sample(shape.member)] * max(1, shape.metadata.get("min", 1))
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value)}
    if shape.type_name == "string":
        return shape.metadata["enum"][0] if "enum" in shape.metadata else "x" * shape.metadata.get("min", 1)
    return {"integer": 5, "long": 5, "boolean": True, "blob": b"x"}[shape.type_name]


def missing_members(operation: OperationModel) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each required member, at any depth, with a request that lacks only it."""
    shape = operation.input_shape

    def walk(inner: Shape, rebuild: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if inner.type_name == "structure":
            full = sample(inner)
            for name, member in inner.members.items():
                if name in inner.required_members:
                    yield name, rebuild({key: value for key, value in full.items() if key != name})
                yield from walk(member, lambda value, full=full, name=name: rebuild({**full, name: value}))
        elif inner.type_name == "list":
            yield from walk(inner.member, lambda value: rebuild([value]))

    return walk(shape, lambda value: value)


CODECOMMIT = models.service_model("codecommit").operation_names

# Lists whose badly formed elements the answer tells of, each beside the others.
TOLD_BESIDE = {
    "BatchAssociateApprovalRuleTemplateWithRepositories": ("repositoryNames",),
    "BatchDisassociateApprovalRuleTemplateFromRepositories": ("repositoryNames",),
    "BatchGetCommits": ("commitIds",),
    "BatchDescribeMergeConflicts": ("filePaths",),
}


@pytest.mark.parametrize("name", CODECOMMIT)
def test_every_missing_member_of_codecommit_has_a_declared_error_of_its_own(name: str) -> None:
    operation = models.operation_model("codecommit", name)
    declared = {shape.name for shape in operation.error_shapes}
    for member, request in missing_members(operation):
        code = refused("codecommit", name, request).code
        if (name, member) in KNOWN_WITHOUT_ERROR:
            assert code == KNOWN_WITHOUT_ERROR[name, member]
        else:
            assert code in declared, (member, code)
            assert code.endswith("RequiredException"), (member, code)


@pytest.mark.parametrize("name", CODECOMMIT)
def test_every_badly_formed_member_of_codecommit_has_a_modelled_error(name: str) -> None:
    operation = models.operation_model("codecommit", name)
    for violation in violations.find(sample(operation.input_shape), operation.input_shape):
        raise AssertionError(violation)
    known = operation.service_model.shape_names
    for request in _badly_formed(operation.input_shape):
        if any(request.get(member, [])[-1:] == ["a\0b"] for member in TOLD_BESIDE.get(name, ())):
            violations.validate(request, operation)
            continue
        code = refused("codecommit", name, request).code
        assert code in known, (request, code)


def _badly_formed(shape: Shape) -> Iterator[dict[str, Any]]:
    """Requests with one top-level member too long, or with a NUL, or out of its enumeration."""
    full = sample(shape)
    for name, member in shape.members.items():
        if member.type_name == "string":
            yield {**full, name: "a\0b"}
            if "max" in member.metadata:
                yield {**full, name: "x" * (member.metadata["max"] + 1)}
            if "enum" in member.metadata:
                yield {**full, name: "NO_SUCH_VALUE"}
            if member.metadata.get("min"):
                yield {**full, name: ""}
        if member.type_name == "list" and member.member.type_name == "string":
            yield {**full, name: ["a\0b"]}


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("GetRepository", {}, "RepositoryNameRequiredException"),
        ("GetRepository", {"repositoryName": ""}, "InvalidRepositoryNameException"),
        ("GetRepository", {"repositoryName": "x" * 101}, "InvalidRepositoryNameException"),
        ("GetRepository", {"repositoryName": "a b"}, "InvalidRepositoryNameException"),
        ("GetRepository", {"repositoryName": "dépôt"}, "InvalidRepositoryNameException"),
        ("GetRepository", {"repositoryName": "demo\n"}, "InvalidRepositoryNameException"),
        ("BatchGetRepositories", {}, "RepositoryNamesRequiredException"),
        ("BatchGetRepositories", {"repositoryNames": ["a b"]}, "InvalidRepositoryNameException"),
        ("ListRepositories", {"sortBy": "size"}, "InvalidSortByException"),
        ("ListRepositories", {"order": "up"}, "InvalidOrderException"),
        ("CreateRepository", {"repositoryName": "a", "repositoryDescription": "x" * 1001},
         "InvalidRepositoryDescriptionException"),
        ("CreateRepository", {"repositoryName": "a", "repositoryDescription": "a\0b"},
         "InvalidRepositoryDescriptionException"),
        ("CreateRepository", {"repositoryName": "a", "tags": {"k" * 129: "v"}}, "InvalidTagsMapException"),
        ("CreateRepository", {"repositoryName": "a", "tags": {"k": "v" * 257}}, "InvalidTagsMapException"),
        ("CreateRepository", {"repositoryName": "a", "kmsKeyId": "a b"}, "EncryptionKeyInvalidIdException"),
        ("UntagResource", {"resourceArn": "a", "tagKeys": [""]}, "InvalidTagKeysListException"),
        ("CreateBranch", {"repositoryName": "a", "branchName": "x" * 257, "commitId": "c"},
         "InvalidBranchNameException"),
        ("CreateBranch", {"branchName": "x" * 257}, "RepositoryNameRequiredException"),
        ("CreateBranch", {"repositoryName": "a b", "branchName": "b"}, "CommitIdRequiredException"),
        ("UpdateRepositoryName", {"oldName": "a"}, "RepositoryNameRequiredException"),
        ("PutFile", {"repositoryName": "a", "branchName": "b", "filePath": "f",
         "fileContent": b"x" * (6 * 2**20 + 1)}, "FileContentSizeLimitExceededException"),
        ("PutRepositoryTriggers", {"repositoryName": "a", "triggers": [{"name": "t", "destinationArn": "d",
         "events": ["never"]}]}, "InvalidRepositoryTriggerEventsException"),
        ("PutRepositoryTriggers", {"repositoryName": "a", "triggers": [{"name": "t", "events": ["all"]}]},
         "RepositoryTriggerDestinationArnRequiredException"),
        ("GetBlobDifferences", {"repositoryName": "a"}, "BlobIdRequiredException"),
    ],
)  # fmt: skip
def test_codecommit_names_what_is_wrong(operation: str, request_: dict[str, Any], code: str) -> None:
    assert refused("codecommit", operation, request_).code == code


CONSTRAINT = "failed to satisfy constraint: Member must"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "told"),
    [
        ("iam", "CreateUser", {}, ["Value null at 'userName' {} not be null"]),
        ("kms", "DescribeKey", {}, ["Value null at 'keyId' {} not be null"]),
        (
            "iam",
            "CreateUser",
            {"UserName": ""},
            [
                "Value '' at 'userName' {} have length greater than or equal to 1",
                r"Value '' at 'userName' {} satisfy regular expression pattern: [\w+=,.@-]+",
            ],
        ),
        (
            "iam",
            "CreateUser",
            {"UserName": "a", "Tags": [{"Key": "k" * 129, "Value": "v"}]},
            [f"Value '{'k' * 129}' at 'tags.1.member.key' {{}} have length less than or equal to 128"],
        ),
        (
            "iam",
            "ListUsers",
            {"MaxItems": 0},
            ["Value '0' at 'maxItems' {} have value greater than or equal to 1"],
        ),
        (
            "iam",
            "UpdateAccessKey",
            {"AccessKeyId": "A" * 16, "Status": "Off"},
            ["Value 'Off' at 'status' {} satisfy enum value set: [Active, Inactive, Expired]"],
        ),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "x", "DurationSeconds": 899},
            [
                "Value 'x' at 'roleSessionName' {} have length greater than or equal to 2",
                "Value '899' at 'durationSeconds' {} have value greater than or equal to 900",
            ],
        ),
    ],
)
def test_the_other_services_say_what_aws_says(
    service: str, operation: str, request_: dict[str, Any], told: list[str]
) -> None:
    fault = refused(service, operation, request_)
    count = "1 validation error" if len(told) == 1 else f"{len(told)} validation errors"
    says = f"{count} detected: " + "; ".join(sentence.format(CONSTRAINT) for sentence in told)
    assert (fault.code, fault.message) == (faults.VALIDATION_ERROR, says)


def test_a_secret_is_not_repeated() -> None:
    fault = refused("iam", "ChangePassword", {"OldPassword": "tiger\x01", "NewPassword": "s" * 129})
    assert "tiger" not in fault.message
    assert "sss" not in fault.message
    assert "Value at 'newPassword' failed" in fault.message


def test_long_values_and_many_violations_are_not_repeated_in_full() -> None:
    tags = [{"Key": "k" * 10_000, "Value": "v"} for _ in range(50)]
    fault = refused("iam", "TagUser", {"UserName": "a", "Tags": tags})
    assert fault.message.startswith("10 validation errors detected: ")
    assert len(fault.message) < 8_000


def test_a_list_of_texts_is_told_as_one_with_all_its_elements_rules() -> None:
    fault = refused("iam", "UntagUser", {"UserName": "a", "TagKeys": ["fine", ""]})
    assert fault.message == (
        "1 validation error detected: Value '[fine, ]' at 'tagKeys' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: "
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+]"
    )


# --- patterns ------------------------------------------------------------------------------------


def model_patterns() -> list[str]:
    found = set()
    for service in models.SERVICES:
        model = models.service_model(service)
        for name in model.shape_names:
            found |= {pattern for pattern in [model.shape_for(name).metadata.get("pattern")] if pattern}
    return sorted(found)


@pytest.mark.parametrize("pattern", model_patterns())
def test_every_pattern_of_the_models_compiles_and_none_backtracks_for_long(pattern: str) -> None:
    compiled = patterns.compiled(pattern)
    for character in "a0-/:. +_=\u0100\x00":
        compiled.fullmatch(character * 20_000)
        compiled.fullmatch("/a.-" * 5_000 + character + "\x00")


def test_unicode_classes_are_javas_for_every_character() -> None:
    compiled = patterns.compiled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")
    taken = {chr(number) for number in range(sys.maxunicode + 1) if compiled.fullmatch(chr(number))}
    wanted = {
        chr(number) for number in range(sys.maxunicode + 1) if unicodedata.category(chr(number))[0] in "LZN"
    }
    assert taken == wanted | set("_.:/=+-@")


def test_no_pattern_uses_a_unicode_class_that_is_not_translated() -> None:
    for pattern in model_patterns():
        assert r"\p" not in patterns.compiled(pattern).pattern


def test_words_and_digits_are_asciis_elsewhere() -> None:
    assert patterns.compiled(r"[\w+=,.@-]+").fullmatch("é") is None
    assert patterns.compiled(r"[0-9]{12}").fullmatch("٠" * 12) is None  # noqa: RUF001 -- Arabic zeros
    assert patterns.compiled(r"\d{12}").fullmatch("٠" * 12) is None  # noqa: RUF001 -- Arabic zeros


def test_stss_five_digit_escapes_mean_the_planes_above_the_first() -> None:
    pattern = next(pattern for pattern in model_patterns() if "10FFFF" in pattern)
    compiled = patterns.compiled(pattern)
    assert re.search(r"\\u10000-\\u10FFFF", pattern)
    assert compiled.fullmatch('{"Version":"2012-10-17"} é \U0001f600 \U0010ffff')
    for character in "\x00\x01\x7f\ufffe\uffff":
        assert compiled.fullmatch(character) is None


def test_a_newline_at_the_end_does_not_slip_past_a_dollar_sign() -> None:
    assert patterns.compiled(r"^[a-f0-9]+$").fullmatch("abc\n") is None
