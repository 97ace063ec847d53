"""The parser takes what AWS takes, and says where and why it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.policy import PolicyError, parse
from unit.policy.policy_examples import named, policy_of, statement

USER = "arn:aws:iam::111111111111:user/mary"
TRUST = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}
KEY = {**TRUST, "Action": "kms:*", "Resource": "*"}


def refusal(policy: Any, kind: Any = "identity") -> str:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    with pytest.raises(PolicyError) as caught:
        parse(text, kind)
    assert str(caught.value) == caught.value.message
    return caught.value.message


def of(kind: str = "identity", **changes: Any) -> str:
    """Return the refusal of a good policy with these changes; None takes an element away."""
    base = {"identity": statement(), "trust": TRUST, "resource": KEY}[kind]
    changed = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return refusal(policy_of(changed), kind)


@pytest.mark.parametrize(
    "policy",
    [
        {"Statement": statement()},
        {"Version": "2008-10-17", "Id": "x", "Statement": [statement(), statement("Deny")]},
        policy_of(statement(action=["codecommit:Git*", "iam:?et*", "*"], Sid="Sid1")),
        policy_of(statement(action="*:*")),
        policy_of(statement(Sid=""), statement(Sid="")),
        policy_of({"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["arn:aws:s3:::x/*"]}),
        policy_of(statement(resource=["arn:aws:s3:::x", "arn:aws:codecommit:*", "arn:*:*:*:*:a:b:c"])),
        policy_of(statement(Condition={})),
        policy_of(statement(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}})),
        policy_of(statement(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": [1.5, "2"]}})),
        policy_of(statement(Condition={"Bool": {"aws:SecureTransport": False}})),
        policy_of(statement(Condition={"StringEquals": {"accounts.google.com:aud": [1, True, "x"]}})),
    ],
)
def test_the_shapes_of_real_identity_policies_are_read(policy: dict[str, Any]) -> None:
    document = named("p", policy).document
    assert [each.index for each in document.statements] == list(range(1, len(document.statements) + 1))


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": "111111111111"},
        {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws-cn:iam::111111111111:user/team/a.b"]},
        {"AWS": "arn:aws:iam::111111111111:role/x"},
        {"AWS": "arn:aws:sts::111111111111:assumed-role/x/session@host"},
        {"AWS": "arn:aws:sts::111111111111:federated-user/guest"},
        {"AWS": "AROA1234567890ABCDEFG"},
        {"Service": "codecommit.amazonaws.com", "AWS": "AIDA1234567890ABCDEFG"},
        {"Federated": ["accounts.google.com", "arn:aws:iam::111111111111:saml-provider/x"]},
        {"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"},
    ],
)
def test_every_form_of_principal_is_read(principal: Any) -> None:
    named("key", policy_of({**KEY, "Principal": principal, "Sid": "Allow use of the key"}), "resource")
    named("role", policy_of({**TRUST, "Principal": principal}), "trust")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1"),
        ('{"Version": "2012-10-17",\n "Statement": [}]}', "line 2, column 16"),
        ('{"Version": "2012-10-17"} x', "line 1, column 27"),
        ("{'Version': 1}", "line 1, column 2"),
        ('{"a": "\t"}', "column"),
        ("\ufeff{}", "line 1, column 1"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": NaN}', "NaN"),
    ],
)
def test_text_that_is_no_json_is_refused_with_its_place(text: str, place: str) -> None:
    assert place in refusal(text)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert refusal(text) == "The policy must be a JSON object."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"Statement": [], "Statement": []}', ["The policy", "'Statement' twice"]),
        ('{"Statement": {"Effect": "Allow", "Effect": "Deny"}}', ["Statement 1", "'Effect' twice"]),
        (
            """{"Statement": {"Sid": "S", "Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {"Bool": {"a:b": true}, "Bool": {"a:c": true}}}}""",
            ["Statement 1 (Sid S): Condition", "'Bool' twice"],
        ),
        (
            """{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {"Bool": {"a:b": true, "a:b": false}}}}""",
            ["Statement 1: Condition: Bool", "'a:b' twice"],
        ),
    ],
)
def test_a_name_written_twice_is_refused(text: str, words: list[str]) -> None:
    message = refusal(text)
    assert all(each in message for each in words), message


def test_a_principal_type_written_twice_is_refused() -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": "*", "AWS": "*"}}}'
    assert "Statement 1: Principal has 'AWS' twice" in refusal(text, "trust")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"Version": "2012-10-18", "Statement": []}, ["Version", "2012-10-17"]),
        ({"Version": ["2012-10-17"], "Statement": []}, ["Version"]),
        ({"Version": 2012, "Statement": []}, ["Version"]),
        ({"Id": 5, "Statement": []}, ["Id must be a string"]),
        ({}, ["Statement is missing"]),
        ({"Statement": []}, ["at least one statement"]),
        ({"Statement": None}, ["Statement is missing"]),
        ({"Statement": ["x"]}, ["Statement 1 must be a JSON object"]),
        ({"Statement": [statement(), 5]}, ["Statement 2 must be a JSON object"]),
        ({"version": "2012-10-17", "Statement": []}, ["unknown element 'version'", "Did you mean Version?"]),
        ({"Statements": []}, ["unknown element 'Statements'", "Did you mean Statement?"]),
    ],
)
def test_a_document_of_the_wrong_form_is_refused(policy: Any, words: list[str]) -> None:
    message = refusal(policy)
    assert all(each in message for each in words), message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Effect": None}, ['Effect must be "Allow" or "Deny"']),
        ({"Effect": "allow"}, ["Effect"]),
        ({"Effect": ["Allow"]}, ["Effect"]),
        ({"Actions": "*"}, ["unknown element 'Actions'", "Did you mean Action?"]),
        ({"x" * 9000: 1}, ["unknown element"]),
        ({"Action": None}, ["Action (or NotAction) is missing"]),
        ({"Action": []}, ["Action must be a string or a list"]),
        ({"Action": [5]}, ["Action must be a string or a list"]),
        ({"Action": {"x": 1}}, ["Action must be a string or a list"]),
        ({"NotAction": "*"}, ["both Action and NotAction"]),
        ({"Action": "GitPull"}, ["'GitPull'", "a colon"]),
        ({"Action": "codecommit:"}, ["'codecommit:'"]),
        ({"Action": "code*:GitPull"}, ["wildcards may stand in the name only"]),
        ({"Action": "codecommit:Git Pull"}, ["'codecommit:Git Pull'"]),
        ({"Action": "a:b:c"}, ["'a:b:c'"]),
        ({"Action": "codecommit:${aws:username}"}, ["Action"]),
        ({"Action": "iam:Get\n"}, ["Action"]),
        ({"Resource": None}, ["Resource (or NotResource) is missing"]),
        ({"Resource": []}, ["Resource must be a string or a list"]),
        ({"NotResource": "*"}, ["both Resource and NotResource"]),
        ({"Resource": "MyDemoRepo"}, ["'MyDemoRepo'", 'an ARN or "*"']),
        ({"Resource": "*demo"}, ['an ARN or "*"']),
        ({"Resource": "${aws:username}"}, ['an ARN or "*"']),
        ({"Resource": "arn:aws:s3:::${aws:username"}, ["no closing brace", "${$}"]),
        ({"Resource": "arn:aws:s3:::${}"}, ["no policy variable"]),
        ({"Resource": "arn:aws:s3:::${username}"}, ["no policy variable", "${aws:username}"]),
        ({"Resource": "arn:aws:s3:::${aws:username, x}"}, ["single quotes"]),
        ({"Resource": "arn:aws:s3:::${aws:username, 'x}"}, ["no closing brace"]),
        ({"Principal": "*"}, ["Principal is not allowed here"]),
        ({"NotPrincipal": "*"}, ["NotPrincipal is not allowed here"]),
        ({"Sid": "not alnum"}, ["Sid 'not alnum'", "digits only"]),
        ({"Sid": 5}, ["Sid must be a string"]),
        ({"Sid": "\ud800"}, ["Sid must be a string"]),
        ({"Condition": []}, ["Condition must be an object"]),
        ({"Condition": None, "Condition ": {}}, ["unknown element", "Did you mean Condition?"]),
    ],
)
def test_a_statement_of_the_wrong_form_is_refused(changes: dict[str, Any], words: list[str]) -> None:
    message = of(**changes)
    assert message.startswith("Statement 1")
    assert all(each in message for each in words), message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"StringEqual": {"a:b": "c"}}, ["'StringEqual'", "Did you mean StringEquals?"]),
        ({"stringequals": {"a:b": "c"}}, ["Did you mean StringEquals?"]),
        ({"Foo": {"a:b": "c"}}, ["'Foo' is no condition operator"]),
        ({"ForSomeValues:StringEquals": {"a:b": "c"}}, ["unknown prefix", "ForAnyValue:"]),
        ({"ForAnyValue:": {"a:b": "c"}}, ["no condition operator"]),
        ({"NullIfExists": {"a:b": "true"}}, ["Null takes neither"]),
        ({"ForAllValues:Null": {"a:b": "true"}}, ["Null takes neither"]),
        ({"Null": {"a:b": "yes"}}, ["Null a:b", "'yes'", '"true"']),
        ({"StringEquals": "x"}, ["'StringEquals' must be an object"]),
        ({"StringEquals": {"username": "c"}}, ["'username'", "aws:username"]),
        ({"StringEquals": {"a:b": None}}, ["a string, a number or a boolean"]),
        ({"StringEquals": {"a:b": {"c": "d"}}}, ["a string, a number or a boolean"]),
        ({"StringEquals": {"a:b": [["c"]]}}, ["a string, a number or a boolean"]),
        ({"StringEquals": {"a:b": "${a:b"}}, ["StringEquals a:b", "closing brace"]),
        ({"NumericEquals": {"a:b": "five"}}, ["NumericEquals a:b", "'five'", "a number"]),
        ({"NumericEquals": {"a:b": "${a:c}"}}, ["string and ARN operators only"]),
        ({"DateLessThan": {"a:b": "tomorrow"}}, ["'tomorrow'", "2026-11-30T12:00:00Z"]),
        ({"DateLessThan": {"a:b": "2026-02-30"}}, ["'2026-02-30'"]),
        ({"DateLessThan": {"a:b": "2026-11-30T12:00:00+01:75"}}, ["is not a date"]),
        ({"Bool": {"a:b": "yes"}}, ["'yes'", '"true" or "false"']),
        ({"BinaryEquals": {"a:b": "QUI"}}, ["base64"]),
        ({"IpAddress": {"aws:SourceIp": "203.0.113"}}, ["'203.0.113'", "203.0.113.0/24"]),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/33"}}, ["203.0.113.0/33"]),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/255.255.255.0"}}, ["IP address or range"]),
        ({"IpAddress": {"aws:SourceIp": "fe80::1%eth0"}}, ["IP address or range"]),
        ({"Bool": {"a:b\n\x1b[31m": "x"}}, ["a:b\\u000a\\u001b[31m"]),
    ],
)
def test_a_condition_of_the_wrong_form_is_refused(condition: Any, words: list[str]) -> None:
    message = of(Condition=condition, Sid="Mine")
    assert message.startswith("Statement 1 (Sid Mine)")
    assert all(each in message for each in words), message
    assert message.isprintable()


def test_two_statements_may_not_share_a_sid() -> None:
    message = refusal(policy_of(statement(Sid="A"), statement(Sid="A")))
    assert message.startswith("Statement 2: Sid 'A' is used twice")


@pytest.mark.parametrize(
    ("principal", "words"),
    [
        (None, ["needs Principal"]),
        ("x", ['must be "*" or an object']),
        ({}, ['must be "*" or an object']),
        ([USER], ['must be "*" or an object']),
        ({"User": USER}, ["'User' is no type of principal", "AWS"]),
        ({"AWS": []}, ["names nobody"]),
        ({"AWS": 111111111111}, ["put account ids in quotes"]),
        ({"AWS": "mary"}, ["'mary' is no principal"]),
        ({"AWS": "arn:aws:iam::111111111111:group/x"}, ["is no principal"]),
        ({"AWS": "arn:aws:iam::111111111111:user/*"}, ["wildcard", "aws:PrincipalArn"]),
        ({"AWS": "arn:aws:iam::11111111111:user/x"}, ["is no principal"]),
        ({"AWS": "arn:aws:sts::111111111111:assumed-role/x"}, ["is no principal"]),
        ({"AWS": "arn:aws:sts::111111111111:assumed-role/x/a:b%00"}, ["is no principal"]),
        ({"AWS": "arn:aws:sts::111111111111:assumed-role/x/" + "y" * 65}, ["is no principal"]),
        ({"AWS": "arn:aws:sts::111111111111:federated-user/a b"}, ["is no principal"]),
        ({"Service": "*"}, ["without wildcards"]),
        ({"Federated": ""}, ["must be a full one"]),
    ],
)
@pytest.mark.parametrize("kind", ["resource", "trust"])
def test_a_principal_of_the_wrong_form_is_refused(kind: str, principal: Any, words: list[str]) -> None:
    message = of(kind, Principal=principal)
    assert all(each in message for each in words), message


def test_notprincipal_is_for_denials_of_resource_policies() -> None:
    listed: dict[str, Any] = {"Principal": None, "NotPrincipal": {"AWS": USER}}
    named(
        "key",
        policy_of({"Effect": "Deny", "NotPrincipal": {"AWS": USER}, "Action": "*", "Resource": "*"}),
        "resource",
    )
    assert "NotPrincipal works only with Deny" in of("resource", **listed)
    assert "NotPrincipal works only with Deny" in of("trust", **listed, Effect="Deny")
    assert "only one of them" in of("resource", NotPrincipal="*")


def test_a_trust_policy_has_no_resource_and_speaks_of_sts_alone() -> None:
    assert "Resource is prohibited" in of("trust", Resource="*")
    assert "Resource is prohibited" in of("trust", NotResource="*")
    assert "'iam:GetUser'" in of("trust", Action=["sts:AssumeRole", "iam:GetUser"])
    assert "'*'" in of("trust", Action="*")
    assert "Resource (or NotResource) is missing" in of("resource", Resource=None)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Version",
                        "Statement",
                        "Effect",
                        "Action",
                        "Resource",
                        "Condition",
                        "Principal",
                        "Null",
                        "Bool",
                        "a:b",
                        "AWS",
                    ]
                )
                | st.text(),
                inner,
            )
        ),
    )
)
def test_any_json_is_a_policy_or_a_policy_error(value: Any) -> None:
    for kind in ("identity", "resource", "trust"):
        with pytest.raises(PolicyError):
            parse(json.dumps(value), kind)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text, "identity")
