from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import json11, models

REQUEST_ID = "0c6aa1d7-9a31-4f3a-9c5b-1f6f0f8a1b2c"
CREATE = models.operation_model("codecommit", "CreateRepository")
PUT_FILE = models.operation_model("codecommit", "PutFile")
IMPORT_KEY = models.operation_model("kms", "ImportKeyMaterial")
DIFFERENCES = models.operation_model("codecommit", "GetDifferences")


def refused(body: bytes, operation: Any = CREATE) -> Fault:
    with pytest.raises(Fault) as caught:
        json11.parse(body, operation)
    return caught.value


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"\xff\xfe",
        b'{"repositoryName":"demo"} trailing',
        b'{"tags":NaN}',
        b'{"tags":Infinity}',
        b'{"repositoryName":' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"tags":' * 100_000,
        b'{"repositoryName":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        '{"repositoryName":"demo"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"repositoryName":"demo"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_no_json_object_is_a_serialization_error(body: bytes) -> None:
    assert refused(body).code == faults.SERIALIZATION


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"repositoryName": 1}, "NUMBER_VALUE can not be converted to a String."),
        ({"repositoryName": True}, "BOOLEAN_VALUE can not be converted to a String."),
        ({"repositoryName": ["demo"]}, "Start of list found where not expected."),
        ({"repositoryName": {"a": "b"}}, "Start of structure or map found where not expected."),
        ({"tags": "a=b"}, "STRING_VALUE can not be converted to a map."),
        ({"tags": {"a": 1}}, "NUMBER_VALUE can not be converted to a String."),
        ({"tags": {"a": None}}, "NULL_VALUE can not be converted to a String."),
        ({"repositoryName": "\ud800"}, "half of a surrogate pair"),
        ({"tags": {"\udfff": "x"}}, "half of a surrogate pair"),
    ],
)
def test_a_value_of_another_type_is_a_serialization_error(members: Any, says: str) -> None:
    fault = refused(json.dumps(members).encode())
    assert fault.code == faults.SERIALIZATION
    assert says in fault.message


@pytest.mark.parametrize("value", ["1", True, 1.5, 1.0, [1], 2**31, -(2**31) - 1, 10**400])
def test_an_integer_must_be_one_and_in_range(value: Any) -> None:
    assert refused(json.dumps({"MaxResults": value}).encode(), DIFFERENCES).code == faults.SERIALIZATION


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 0])
def test_an_integer_in_range_is_taken(value: int) -> None:
    assert json11.parse(json.dumps({"MaxResults": value}).encode(), DIFFERENCES) == {"MaxResults": value}


@pytest.mark.parametrize("value", ["!!!!", "YQ", "YQ==YQ==", "é", 1, None])
def test_a_blob_must_be_base64(value: Any) -> None:
    body = json.dumps({"fileContent": value}).encode()
    if value is None:
        assert json11.parse(body, PUT_FILE) == {}
    else:
        assert refused(body, PUT_FILE).code == faults.SERIALIZATION


@pytest.mark.parametrize("value", ["2024-02-29T12:34:56Z", True, 1e300, -1e300, 10**30])
def test_a_timestamp_must_be_a_number_of_seconds_in_range(value: Any) -> None:
    assert refused(json.dumps({"ValidTo": value}).encode(), IMPORT_KEY).code == faults.SERIALIZATION


@pytest.mark.parametrize("value", [1709210096, 1709210096.5])
def test_a_timestamp_is_read_with_its_zone(value: float) -> None:
    parsed = json11.parse(json.dumps({"ValidTo": value}).encode(), IMPORT_KEY)
    assert parsed == {"ValidTo": datetime.fromtimestamp(value, UTC)}


def test_unknown_members_and_nulls_are_left_out_and_the_last_of_two_counts() -> None:
    body = b'{"repositoryName":"a","repositoryName":"b","repositoryDescription":null,"unheardOf":{"x":[1]}}'
    assert json11.parse(body, CREATE) == {"repositoryName": "b"}


def test_an_empty_body_is_an_empty_request() -> None:
    assert json11.parse(b"", CREATE) == {}


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    try:
        json11.parse(body, CREATE)
    except Fault as fault:
        code = fault.code
    else:
        code = faults.SERIALIZATION
    assert code == faults.SERIALIZATION


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(name=JSON, tags=JSON, description=JSON)
def test_no_json_value_breaks_the_parser(name: Any, tags: Any, description: Any) -> None:
    body = json.dumps({"repositoryName": name, "tags": tags, "repositoryDescription": description}).encode()
    test_no_body_breaks_the_parser.hypothesis.inner_test(body)  # type: ignore[attr-defined] # hypothesis's own


# --- answers: golden bytes for each kind of shape ------------------------------------------------


def test_a_repository_is_answered_in_these_very_bytes() -> None:
    moment = datetime(2024, 2, 29, 12, 34, 56, 789_000, tzinfo=UTC)
    result = {
        "repositoryMetadata": {
            "accountId": "123456789012",
            "repositoryDescription": 'naïve <b>"quoted"</b>\n',
            "creationDate": moment,
            "lastModifiedDate": moment.replace(microsecond=0),
            "defaultBranch": None,
        }
    }
    answer = json11.render(result, models.operation_model("codecommit", "GetRepository"), REQUEST_ID)
    assert answer.body.decode() == (
        '{"repositoryMetadata":{"accountId":"123456789012",'
        '"repositoryDescription":"naïve <b>\\"quoted\\"</b>\\n",'
        '"creationDate":1709210096.789,"lastModifiedDate":1709210096}}'
    )
    assert answer.status == 200
    assert answer.headers == [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-RequestId", REQUEST_ID),
    ]


def test_blobs_integers_booleans_lists_and_maps_are_answered_in_these_very_bytes() -> None:
    blob = json11.render(
        {"content": b"\x00\xff"}, models.operation_model("codecommit", "GetBlob"), REQUEST_ID
    )
    assert blob.body == b'{"content":"AP8="}'
    tags = json11.render(
        {"tags": {"team": "a b"}, "nextToken": "t"},
        models.operation_model("codecommit", "ListTagsForResource"),
        REQUEST_ID,
    )
    assert tags.body == b'{"tags":{"team":"a b"},"nextToken":"t"}'
    folder = {"commitId": "c", "folderPath": "", "subFolders": []}
    listed = json11.render(folder, models.operation_model("codecommit", "GetFolder"), REQUEST_ID)
    assert listed.body == b'{"commitId":"c","folderPath":"","subFolders":[]}'
    options = {"mergeable": False, "destinationCommitId": "d", "sourceCommitId": "s",
               "conflictMetadataList": [{"numberOfConflicts": 2}]}  # fmt: skip
    merge = json11.render(options, models.operation_model("codecommit", "GetMergeConflicts"), REQUEST_ID)
    assert merge.body == (
        b'{"mergeable":false,"destinationCommitId":"d","sourceCommitId":"s",'
        b'"conflictMetadataList":[{"numberOfConflicts":2}]}'
    )


def test_an_operation_without_output_has_an_empty_body() -> None:
    assert json11.render(None, models.operation_model("codecommit", "CreateBranch"), REQUEST_ID).body == b""


def test_an_operation_with_output_and_nothing_to_say_answers_an_object() -> None:
    assert (
        json11.render(None, models.operation_model("codecommit", "DeleteRepository"), REQUEST_ID).body
        == b"{}"
    )


def test_a_text_that_is_no_unicode_does_not_break_the_answer() -> None:
    result = {"branch": {"branchName": "caf\udce9"}}
    answer = json11.render(result, models.operation_model("codecommit", "GetBranch"), REQUEST_ID)
    assert answer.body == b'{"branch":{"branchName":"caf?"}}'


def test_a_misspelt_member_of_a_result_is_a_bug_and_not_left_out() -> None:
    with pytest.raises(ValueError, match="repositoryMetaData"):
        json11.render(
            {"repositoryMetaData": {}}, models.operation_model("codecommit", "GetRepository"), REQUEST_ID
        )


# --- refusals ------------------------------------------------------------------------------------


def rendered(fault: Fault, service: str = "codecommit") -> tuple[int, dict[str, str], dict[str, str]]:
    answer = json11.render_fault(fault, models.service_model(service), REQUEST_ID)
    return answer.status, dict(answer.headers), json.loads(answer.body)


def test_a_modelled_refusal_is_400_with_its_name_in_body_and_header() -> None:
    status, headers, body = rendered(
        Fault("RepositoryDoesNotExistException", "demo does not exist", status=404)
    )
    assert status == 400
    assert body == {"__type": "RepositoryDoesNotExistException", "message": "demo does not exist"}
    assert headers == {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": REQUEST_ID,
        "x-amzn-ErrorType": "RepositoryDoesNotExistException",
    }


@pytest.mark.parametrize(
    ("service", "code"),
    [("codecommit", "EncryptionIntegrityChecksFailedException"), ("kms", "KMSInternalException")],
)
def test_a_refusal_that_is_the_services_fault_is_500(service: str, code: str) -> None:
    fault = Fault(code)
    modelled = models.service_model(service).shape_for(code).metadata.get("fault", False)
    assert rendered(fault, service)[0] == (500 if modelled else 400)


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (faults.ACCESS_DENIED, 400, "AccessDeniedException"),
        (faults.EXPIRED_TOKEN, 400, "ExpiredTokenException"),
        (faults.INCOMPLETE_SIGNATURE, 400, "IncompleteSignatureException"),
        (faults.INTERNAL_FAILURE, 500, "InternalFailure"),
        (faults.INVALID_ACTION, 400, "UnknownOperationException"),
        (faults.INVALID_CLIENT_TOKEN_ID, 400, "UnrecognizedClientException"),
        (faults.MISSING_AUTHENTICATION_TOKEN, 400, "MissingAuthenticationTokenException"),
        (faults.SERIALIZATION, 400, "SerializationException"),
        (faults.SIGNATURE_DOES_NOT_MATCH, 400, "InvalidSignatureException"),
        (faults.VALIDATION_ERROR, 400, "ValidationException"),
    ],
)
def test_refusals_that_every_service_knows_have_the_protocols_names(
    code: str, status: int, name: str
) -> None:
    answered, headers, body = rendered(Fault(code, "why", status=403))
    assert (answered, headers["x-amzn-ErrorType"], body["__type"]) == (status, name, name)


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        (faults.throttled("slow down"), 429, "ThrottlingException"),
        (faults.unavailable("busy"), 503, "ServiceUnavailableException"),
    ],
)
def test_a_busy_service_says_when_to_come_back(fault: Fault, status: int, name: str) -> None:
    answered, headers, body = rendered(fault)
    assert (answered, body["__type"], headers["Retry-After"]) == (status, name, "1")


def test_what_is_for_the_log_stays_there() -> None:
    fault = Fault(faults.ACCESS_DENIED, "no", why="statement 3", decision="secret")
    assert rendered(fault)[2] == {"__type": "AccessDeniedException", "message": "no"}
