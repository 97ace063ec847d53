from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models, query, query_values

REQUEST_ID = "0c6aa1d7-9a31-4f3a-9c5b-1f6f0f8a1b2c"
CREATE_USER = models.operation_model("iam", "CreateUser")
LIST_USERS = models.operation_model("iam", "ListUsers")
ASSUME_ROLE = models.operation_model("sts", "AssumeRole")
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def parsed(text: str, operation: Any = CREATE_USER) -> dict[str, Any]:
    return query.parse(query.read_form(text.encode("latin-1")).fields, operation)


def refused(text: str | bytes, operation: Any = CREATE_USER) -> Fault:
    with pytest.raises(Fault) as caught:
        parsed(text if isinstance(text, str) else text.decode("latin-1"), operation)
    return caught.value


# --- forms ---------------------------------------------------------------------------------------


def test_a_form_comes_in_the_body_or_in_the_query_string() -> None:
    in_body = query.read_form(b"Action=ListUsers&Version=2010-05-08&MaxItems=5")
    in_url = query.read_form(b"", "Action=ListUsers&Version=2010-05-08&MaxItems=5")
    assert in_body == in_url
    assert (in_body.action, in_body.version) == ("ListUsers", "2010-05-08")


def test_a_form_without_action_has_none() -> None:
    assert query.read_form(b"") == (None, None, {})


@pytest.mark.parametrize(
    ("body", "raw_query"),
    [
        (b"UserName=a&UserName=b", ""),
        (b"UserName=a", "UserName=a"),
        (b"UserName=\xff", ""),
        (b"UserName=%FF", ""),
        (b"UserName=%ED%A0%80", ""),  # a surrogate in UTF-8
        (b"", "UserName=%ff"),
        (b"&".join(b"a%d=1" % number for number in range(query.MAX_FIELDS + 1)), ""),
    ],
    ids=["twice", "in both", "no UTF-8", "escaped no UTF-8", "surrogate", "in the URL", "too many"],
)
def test_a_form_that_cannot_be_read_in_one_way_is_refused(body: bytes, raw_query: str) -> None:
    with pytest.raises(Fault) as caught:
        query.read_form(body, raw_query)
    assert caught.value.code == faults.SERIALIZATION


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "us-ascii"])
def test_a_forms_charset_may_be_utf8(charset: str) -> None:
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    assert query.read_form(b"Action=A", content_type=content_type).action == "A"


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "utf-7"])
def test_a_forms_charset_may_be_nothing_else(charset: str) -> None:
    with pytest.raises(Fault, match="charset"):
        query.read_form(b"Action=A", content_type=f"application/x-www-form-urlencoded; charset={charset}")


# --- requests ------------------------------------------------------------------------------------


def test_lists_and_structures_are_put_together_from_their_fields() -> None:
    text = "UserName=demo&Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b&Tags.member.2.Value="
    assert parsed(text) == {
        "UserName": "demo",
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}],
    }


def test_numbers_may_have_gaps_and_come_in_any_order() -> None:
    text = "Tags.member.10.Key=c&Tags.member.2.Key=a&Tags.member.9.Key=b"
    assert [tag["Key"] for tag in parsed(text)["Tags"]] == ["a", "b", "c"]


def test_a_list_without_elements_is_empty_and_one_not_given_is_absent() -> None:
    assert parsed("Tags=") == {"Tags": []}
    assert parsed("") == {}


def test_plus_and_escapes_mean_what_they_mean_in_forms() -> None:
    assert parsed("UserName=a+b%2Bc%C3%A9") == {"UserName": "a b+cé"}


def test_unknown_fields_are_left_out_at_every_depth() -> None:
    text = "UserName=demo&Unheard.member.x.y=1&Tags.member.1.Key=a&Tags.member.1.Color=red&Action=CreateUser"
    assert parsed(text) == {"UserName": "demo", "Tags": [{"Key": "a"}]}


@pytest.mark.parametrize(
    "text",
    [
        "Tags.member.0.Key=a",
        "Tags.member.01.Key=a",
        "Tags.member.-1.Key=a",
        "Tags.member.x.Key=a",
        "Tags.member.%D9%A1.Key=a",
        "Tags.member.1234567.Key=a",
        "Tags.1.Key=a",
        "Tags.entry.1.key=a",
        "Tags=text",
        "UserName.member.1=demo",
        "Tags.member.1.Key.Deeper=a",
    ],
)
def test_a_field_with_a_wrong_number_or_of_a_wrong_kind_is_refused(text: str) -> None:
    assert refused(text).code == faults.SERIALIZATION


@pytest.mark.parametrize(
    "text", ["x", "1.5", "", "+", "2147483648", "9" * 5000, "\u0661", "0x10", "1_000", " 1"]
)
def test_an_integer_must_be_one(text: str) -> None:
    with pytest.raises(Fault):
        query_values.parse(text, "integer")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-5", "integer", -5),
        ("TRUE", "boolean", True),
        ("false", "boolean", False),
        ("AP8=", "blob", b"\x00\xff"),
        ("2024-02-29T12:34:56Z", "timestamp", datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
        ("2024-02-29T12:34:56", "timestamp", datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
        ("1709210096", "timestamp", datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
    ],
)
def test_scalars_are_read_from_their_texts(text: str, kind: str, value: object) -> None:
    assert query_values.parse(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [("yes", "boolean"), ("", "boolean"), ("!!", "blob"), ("é", "blob"), ("soon", "timestamp"),
     ("999999999999", "timestamp"), ("", "timestamp")],
)  # fmt: skip
def test_scalars_of_wrong_texts_are_refused(text: str, kind: str) -> None:
    with pytest.raises(Fault):
        query_values.parse(text, kind)


def test_a_field_nested_thousands_deep_is_refused_or_left_out() -> None:
    deep = ".member.1" * 20_000
    assert refused(f"Tags{deep}=x").code == faults.SERIALIZATION
    assert parsed(f"Unheard{deep}=x") == {}


NAMES = st.text(max_size=12) | st.sampled_from(["Tags", "Tags.member", "Tags.member.1", "UserName"])


@given(st.dictionaries(NAMES, st.text(max_size=5), max_size=5))
def test_no_fields_break_the_parser(fields: Mapping[str, str]) -> None:
    code = faults.SERIALIZATION
    try:
        query.parse(fields, CREATE_USER)
    except Fault as fault:
        code = fault.code
    assert code == faults.SERIALIZATION


# --- answers: golden bytes for each kind of shape ------------------------------------------------


def test_a_list_of_users_is_answered_in_these_very_bytes() -> None:
    user = {
        "UserName": "a<&>b",
        "Path": "/",
        "CreateDate": datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC),
        "Tags": [],
    }
    answer = query.render({"IsTruncated": False, "Users": [user], "Marker": None}, LIST_USERS, REQUEST_ID)
    assert answer.body.decode() == (
        f'<ListUsersResponse xmlns="{NAMESPACE}"><ListUsersResult>'
        "<Users><member><Path>/</Path><UserName>a&lt;&amp;&gt;b</UserName>"
        "<CreateDate>2024-02-29T12:34:56Z</CreateDate><Tags></Tags></member></Users>"
        "<IsTruncated>false</IsTruncated></ListUsersResult>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></ListUsersResponse>\n"
    )
    assert answer.status == 200
    assert answer.headers == [("Content-Type", "text/xml"), ("x-amzn-RequestId", REQUEST_ID)]


def test_maps_blobs_integers_and_milliseconds_are_answered_in_these_very_texts() -> None:
    summary = query.render(
        {"SummaryMap": {"Users": 3}}, models.operation_model("iam", "GetAccountSummary"), REQUEST_ID
    )
    assert b"<SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>" in summary.body
    report = {"Content": b"\x00\xff", "GeneratedTime": datetime(2024, 2, 29, 12, 34, 56, 7_000, tzinfo=UTC)}
    answer = query.render(report, models.operation_model("iam", "GetCredentialReport"), REQUEST_ID)
    assert b"<Content>AP8=</Content>" in answer.body
    assert b"<GeneratedTime>2024-02-29T12:34:56.007Z</GeneratedTime>" in answer.body


def test_an_operation_without_output_has_no_result_element() -> None:
    answer = query.render(None, models.operation_model("iam", "DeleteUser"), REQUEST_ID)
    assert answer.body.decode() == (
        f'<DeleteUserResponse xmlns="{NAMESPACE}">'
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></DeleteUserResponse>\n"
    )


def test_a_misspelt_member_of_a_result_is_a_bug_and_not_left_out() -> None:
    with pytest.raises(ValueError, match="Username"):
        query.render({"User": {"Username": "demo"}}, CREATE_USER, REQUEST_ID)


@given(st.text(st.characters()))
def test_every_text_comes_back_as_xml_can_hold_it(text: str) -> None:
    answer = query.render({"User": {"UserName": text}}, CREATE_USER, REQUEST_ID)
    root = ET.fromstring(answer.body)
    found = root.find(f".//{{{NAMESPACE}}}UserName")
    assert found is not None
    allowed = [
        character
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
        else "\ufffd"
        for character in text
    ]
    assert (found.text or "") == "".join(allowed)


# --- refusals ------------------------------------------------------------------------------------


def rendered(fault: Fault, service: str = "iam") -> tuple[int, dict[str, str]]:
    answer = query.render_fault(fault, models.service_model(service), REQUEST_ID)
    root = ET.fromstring(answer.body)
    texts = {
        element.tag.rpartition("}")[2]: element.text or "" for element in root.iter() if not len(element)
    }
    return answer.status, texts


def test_a_refusal_is_answered_in_these_very_bytes() -> None:
    fault = Fault("NoSuchEntityException", "The user with name <x> cannot be found.")
    answer = query.render_fault(fault, models.service_model("iam"), REQUEST_ID)
    assert answer.body.decode() == (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>'
        "<Message>The user with name &lt;x&gt; cannot be found.</Message></Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>\n"
    )
    assert answer.status == 404
    assert answer.headers == [("Content-Type", "text/xml"), ("x-amzn-RequestId", REQUEST_ID)]


@pytest.mark.parametrize("name", ["NoSuchEntityException", "NoSuchEntity"])
def test_a_modelled_refusal_may_be_named_by_shape_or_as_sent(name: str) -> None:
    status, texts = rendered(Fault(name, "gone"))
    assert (status, texts["Code"]) == (404, "NoSuchEntity")


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (faults.ACCESS_DENIED, 403, "AccessDenied"),
        (faults.EXPIRED_TOKEN, 403, "ExpiredToken"),
        (faults.INCOMPLETE_SIGNATURE, 400, "IncompleteSignature"),
        (faults.INTERNAL_FAILURE, 500, "InternalFailure"),
        (faults.INVALID_ACTION, 400, "InvalidAction"),
        (faults.INVALID_CLIENT_TOKEN_ID, 403, "InvalidClientTokenId"),
        (faults.MISSING_AUTHENTICATION_TOKEN, 403, "MissingAuthenticationToken"),
        (faults.SERIALIZATION, 400, "MalformedInput"),
        (faults.SIGNATURE_DOES_NOT_MATCH, 403, "SignatureDoesNotMatch"),
        (faults.VALIDATION_ERROR, 400, "ValidationError"),
    ],
)
@pytest.mark.parametrize("service", ["iam", "sts"])
def test_refusals_that_every_service_knows_have_the_protocols_names(
    code: str, status: int, name: str, service: str
) -> None:
    answered, texts = rendered(Fault(code, "why", status=418), service)
    assert (answered, texts["Code"]) == (status, name)
    assert texts["Type"] == ("Receiver" if status >= 500 else "Sender")


def test_a_message_with_what_xml_cannot_hold_is_still_readable() -> None:
    assert rendered(Fault(faults.VALIDATION_ERROR, "a\0b\ud800c"))[1]["Message"] == "a\ufffdb\ufffdc"
