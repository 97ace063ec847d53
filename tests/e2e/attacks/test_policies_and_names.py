"""Attacks by policy documents, tags and names, and by one account on another."""

from __future__ import annotations

import json
import time

import pytest

from attacker import Attacker, Signing, json_headers
from e2e.attacks.conftest import Victims, Watch

ALLOW = {"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}


def document(*statements: object, **more: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


DOCUMENTS = {
    "nothing": "",
    "blank": " ",
    "no JSON": "allow all",
    "null": "null",
    "a list": "[]",
    "no statement": '{"Version": "2012-10-17"}',
    "no statements": document(),
    "deep lists": "[" * 50_000,
    "deep objects": '{"Statement":' * 10_000,
    "deep condition": document({**ALLOW, "Condition": json.loads('{"a":' * 400 + "1" + "}" * 400)}),
    "a key twice": '{"Statement":[],"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    "an effect twice": '{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}',
    "100,000 statements": document(*[{"Effect": "Deny"}] * 4_000),
    "large": document({**ALLOW, "Sid": "x" * 130_000}),
    "larger than a form": document({**ALLOW, "Resource": ["arn:aws:codecommit:*:*:x"] * 4_500}),
    "NaN": '{"Version":"2012-10-17","Statement":NaN}',
    "long number": '{"Version":"2012-10-17","Statement":' + "9" * 100_000 + "}",
    "lone surrogate": '{"Statement":{"Sid":"\\ud800","Effect":"Allow","Action":"*","Resource":"*"}}',
    "NUL": '{"Id":"\\u0000","Statement":{"Effect":"Allow","Action":"*","Resource":"\\u0000"}}',
    "wrong version": '{"Version":"2099-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    "effect of another case": document({**ALLOW, "Effect": "allow"}),
    "no action": document({"Effect": "Allow", "Resource": "*"}),
    "action and its contrary": document({**ALLOW, "NotAction": "iam:*"}),
    "principal": document({**ALLOW, "Principal": "*"}),
    "operator of nobody": document({**ALLOW, "Condition": {"StringExec": {"aws:username": "x"}}}),
    "not an address": document({**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "999.1.1.1/99"}}}),
    "not a date": document({**ALLOW, "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}),
    "endless date": document({**ALLOW, "Condition": {"DateLessThan": {"aws:EpochTime": "9" * 500}}}),
    "not a number": document({**ALLOW, "Condition": {"NumericEquals": {"aws:x": "1e99999999"}}}),
    "variable without end": document({**ALLOW, "Resource": "arn:aws:codecommit:*:*:${aws:username"}),
    "variables within variables": document({**ALLOW, "Resource": "arn:aws:codecommit:*:*:" + "${" * 1000}),
    "action of no service": document({**ALLOW, "Action": "codecommit"}),
    "action of bytes": document({**ALLOW, "Action": "\u202e:*"}),
    "resource that is none": document({**ALLOW, "Resource": "/etc/passwd"}),
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_hostile_policy_is_refused_and_not_attached(attacker: Attacker, text: str) -> None:
    answers = [
        attacker.query("CreatePolicy", PolicyName="hostile", PolicyDocument=text),
        attacker.query("PutUserPolicy", UserName="reader", PolicyName="hostile", PolicyDocument=text),
    ]
    for answer in answers:
        assert answer.status in (400, 409, 413), answer
        names = ("MalformedPolicyDocument", "ValidationError", "LimitExceeded", "MalformedInput")
        assert any(name in answer.text for name in names), answer.text


BOMBS = {
    "stars": {**ALLOW, "Resource": "arn:aws:codecommit:*:*:" + "*" * 1_800},
    "stars and letters": {**ALLOW, "Action": "codecommit:" + "*e" * 850},
    "question marks": {**ALLOW, "Resource": "arn:aws:codecommit:*:*:" + "*?" * 850},
    "many resources": {**ALLOW, "Resource": ["arn:aws:codecommit:*:*:*a*b*c"] * 50},
    "patterns of values": {
        **ALLOW,
        "Condition": {"StringLike": {"aws:UserAgent": "*a" * 800}},
    },
}


@pytest.mark.parametrize("statement", BOMBS.values(), ids=BOMBS.keys())
def test_wildcards_without_number_are_matched_at_once(
    attacker: Attacker, victims: Victims, watch: Watch, statement: dict[str, object]
) -> None:
    iam = attacker.service.client("iam")
    with watch.changing():
        iam.put_user_policy(UserName="nobody", PolicyName="bomb", PolicyDocument=document(statement))
        try:
            started = time.monotonic()
            signing = Signing(victims.nobody, "codecommit", extra=[("User-Agent", "a" * 60_000 + "b")])
            for _ in range(3):
                attacker.signed(
                    signing, json_headers("GetRepository"), b'{"repositoryName": "%s"}' % (b"a" * 100)
                )
            assert time.monotonic() - started < 2
        finally:
            iam.delete_user_policy(UserName="nobody", PolicyName="bomb")


REPOSITORY_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a b",
    "a.git",
    "a\n",
    "a\0",
    "\u00e4",
    "a\u200b",
    "x" * 101,
    "%2e%2e",
    "a;b",
    "<svg>",
    "\uff41",
    "a\u0338",
]


@pytest.mark.parametrize("name", REPOSITORY_NAMES, ids=range(len(REPOSITORY_NAMES)))
def test_a_repository_of_a_bad_name_is_not_made(attacker: Attacker, name: str) -> None:
    expected = {"InvalidRepositoryNameException", "RepositoryNameRequiredException"}
    assert attacker.json("CreateRepository", {"repositoryName": name}).error in expected
    renamed = attacker.json("UpdateRepositoryName", {"oldName": "target", "newName": name})
    assert renamed.error in expected
    assert attacker.json("DeleteRepository", {"repositoryName": name}).error in expected


USER_NAMES = ["", "a b", "a/b", "\u00e4", "x" * 129, "a\n", "<svg>", "a:b", "\uff41", "a\0b", "*"]


@pytest.mark.parametrize("name", USER_NAMES, ids=range(len(USER_NAMES)))
def test_an_identity_of_a_bad_name_is_not_made(attacker: Attacker, name: str) -> None:
    for operation, member in (("CreateUser", "UserName"), ("CreateGroup", "GroupName")):
        answer = attacker.query(operation, {member: name})
        assert answer.status == 400, answer
    assert attacker.query("CreatePolicy", PolicyName=name, PolicyDocument=document(ALLOW)).status == 400


PATHS = ["", "x", "/x", "x/", "//", "/\0/", "/" + "x" * 600 + "/", "/\u00e4/", "/../", "/ /"]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_a_path_of_nonsense_makes_nobody(attacker: Attacker, watch: Watch, path: str) -> None:
    answer = attacker.query("CreateUser", UserName="pathless", Path=path)
    if answer.status == 200:  # IAM's pattern has `//` and `/../`: a path is a text, no place
        with watch.changing():
            attacker.query("DeleteUser", UserName="pathless")
        assert path in ("//", "/../")
    else:
        assert answer.status == 400


TAGS = [
    {f"k{number}": "v" for number in range(51)},
    {"": "v"},
    {"k" * 129: "v"},
    {"k": "v" * 257},
    {"aws:x": "v"},
    {"AWS:x": "v"},
    {"k\0": "v"},
    {"k": "\x1b"},
    {"<b>": "v"},
]


@pytest.mark.parametrize("tags", TAGS, ids=range(len(TAGS)))
def test_bad_tags_are_refused_and_none_of_them_kept(
    attacker: Attacker, victims: Victims, tags: dict[str, str]
) -> None:
    arn = f"arn:aws:codecommit:us-east-2:{victims.account}:target"
    assert attacker.json("TagResource", {"resourceArn": arn, "tags": tags}).status == 400
    assert attacker.json("CreateRepository", {"repositoryName": "tagged", "tags": tags}).status == 400
    fields = {"UserName": "reader"}
    for number, (key, value) in enumerate(tags.items(), 1):
        fields |= {f"Tags.member.{number}.Key": key, f"Tags.member.{number}.Value": value}
    if tags not in ({"<b>": "v"}, {"k": "\x1b"}):
        assert attacker.query("TagUser", fields).status in (400, 409)


def test_an_arn_of_another_account_or_kind_reaches_nothing(attacker: Attacker, victims: Victims) -> None:
    for arn in (
        f"arn:aws:codecommit:us-east-2:{victims.account}:target",
        f"arn:aws:codecommit:us-east-2:{victims.account}:*",
        f"arn:aws-cn:codecommit:us-east-2:{victims.account}:target",
        f"arn:aws:codecommit:eu-west-1:{victims.account}:target",
        f"arn:aws:codecommit:us-east-2:{victims.account}:target:x",
        f"arn:aws:iam::{victims.account}:user/reader",
        "target",
    ):
        for operation in ("ListTagsForResource", "TagResource", "UntagResource"):
            request = {"resourceArn": arn, "tags": {"a": "b"}, "tagKeys": ["a"]}
            answer = attacker.json(operation, request, key=victims.stranger)
            assert answer.status in (400, 403), answer
    for operation in (
        "GetUser",
        "DeleteUser",
        "ListAccessKeys",
        "CreateAccessKey",
        "ListAttachedUserPolicies",
    ):
        answer = attacker.query(operation, UserName="reader", key=victims.stranger)
        assert answer.status == 404, answer
    key_id = victims.reader[0]
    assert (
        attacker.query("DeleteAccessKey", AccessKeyId=key_id, UserName="reader", key=victims.stranger).status
        == 404
    )
    assert attacker.query("DeleteAccessKey", AccessKeyId=key_id, key=victims.stranger).status == 404
    assert (
        attacker.query("UpdateAccessKey", AccessKeyId=key_id, Status="Inactive", key=victims.stranger).status
        == 404
    )
    used = attacker.query("GetAccessKeyLastUsed", AccessKeyId=key_id, key=victims.stranger)
    assert "reader" not in used.text


def test_a_reader_of_the_api_changes_nothing(attacker: Attacker, victims: Victims) -> None:
    for operation, request in {
        "CreateRepository": {"repositoryName": "mine"},
        "DeleteRepository": {"repositoryName": "target"},
        "UpdateRepositoryName": {"oldName": "target", "newName": "mine"},
        "CreateBranch": {"repositoryName": "target", "branchName": "x", "commitId": victims.tip},
        "DeleteBranch": {"repositoryName": "target", "branchName": "main"},
        "UpdateDefaultBranch": {"repositoryName": "target", "defaultBranchName": "x"},
        "UpdateRepositoryDescription": {"repositoryName": "target", "repositoryDescription": "x"},
    }.items():
        assert attacker.json(operation, request, key=victims.reader).error == "AccessDeniedException"
    for operation in ("CreateAccessKey", "AttachUserPolicy", "PutUserPolicy", "CreateUser", "AddUserToGroup"):
        answer = attacker.query(
            operation,
            UserName="reader",
            GroupName="x",
            PolicyName="x",
            PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            PolicyDocument=document(ALLOW),
            key=victims.reader,
        )
        assert answer.status == 403, (operation, answer)
