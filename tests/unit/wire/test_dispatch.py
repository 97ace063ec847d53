from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from moorage.core import faults
from moorage.core.faults import Fault
from moorage.wire import models, query
from moorage.wire.dispatch import Service, Target

REQUEST_ID = "0c6aa1d7-9a31-4f3a-9c5b-1f6f0f8a1b2c"


def named(call: str, request: dict[str, Any]) -> list[Target]:
    return [Target(f"arn:aws:codecommit:us-east-2:{call}:{request['repositoryName']}")]


def nothing(_call: str, _request: Any) -> list[Target]:
    return []


def a_service() -> Service[str]:
    service: Service[str] = Service("codecommit")

    @service.operation("GetRepository", resource=named)
    def get_repository(call: str, request: dict[str, Any]) -> dict[str, object]:
        return {"repositoryMetadata": {"accountId": call, "repositoryName": request["repositoryName"]}}

    @service.operation("CreateBranch", resource=named, action="codecommit:Other")
    def create_branch(_call: str, _request: dict[str, Any]) -> None:
        return None

    return service


def test_an_operation_is_parsed_handled_and_rendered() -> None:
    operation = a_service().find("GetRepository")
    request = operation.parse(b'{"repositoryName":"demo"}')
    assert operation.action == "codecommit:GetRepository"
    assert operation.signed
    assert operation.targets("1", request) == (Target("arn:aws:codecommit:us-east-2:1:demo"),)
    answer = operation.render(operation.handle("1", request), REQUEST_ID)
    assert answer.body == b'{"repositoryMetadata":{"accountId":"1","repositoryName":"demo"}}'


def test_an_operation_may_be_called_otherwise_by_policies() -> None:
    assert a_service().find("CreateBranch").action == "codecommit:Other"


def test_parsing_refuses_what_the_model_refuses() -> None:
    with pytest.raises(Fault, match="RepositoryNameRequiredException"):
        a_service().find("GetRepository").parse(b"{}")


def test_what_moorage_lacks_is_listed_and_what_it_has_is_not() -> None:
    service = a_service()
    assert set(service.operations) == {"GetRepository", "CreateBranch"}
    assert "GetRepository" not in service.missing()
    assert set(service.missing()) | set(service.operations) == set(service.model.operation_names)
    assert list(service.missing()) == sorted(service.missing())


@pytest.mark.parametrize("name", ["DeleteBranch", "NoSuchThing", "", None, "getrepository"])
def test_unknown_and_missing_operations_of_json_are_answered_alike(name: str | None) -> None:
    service = a_service()
    with pytest.raises(Fault) as caught:
        service.find(name)
    answer = service.render_fault(caught.value, REQUEST_ID)
    assert answer.status == 400
    assert ("x-amzn-ErrorType", "UnknownOperationException") in answer.headers


def test_an_unknown_operation_of_query_is_an_invalid_action() -> None:
    service: Service[str] = Service("iam")
    with pytest.raises(Fault) as caught:
        service.find("MakeCoffee", "2010-05-08")
    assert caught.value.code == faults.INVALID_ACTION
    assert caught.value.message == "Could not find operation MakeCoffee for version 2010-05-08"
    answer = service.render_fault(caught.value, REQUEST_ID)
    assert (answer.status, b"<Code>InvalidAction</Code>" in answer.body) == (400, True)
    with pytest.raises(Fault, match="NO_VERSION_SPECIFIED"):
        service.find(None)


def test_a_very_long_operation_name_is_not_repeated_in_full() -> None:
    with pytest.raises(Fault) as caught:
        Service[str]("iam").find("x" * 100_000)
    assert len(caught.value.message) < 400


def test_a_query_operation_is_parsed_from_a_forms_fields() -> None:
    service: Service[str] = Service("sts")

    @service.operation("GetCallerIdentity", resource=nothing)
    def get_caller_identity(call: str, _request: dict[str, Any]) -> dict[str, object]:
        return {"Account": call}

    form = query.read_form(b"Action=GetCallerIdentity&Version=2011-06-15")
    operation = service.find(form.action, form.version)
    request = operation.parse(form.fields)
    assert operation.targets("1", request) == ()
    assert b"<Account>1</Account>" in operation.render(operation.handle("1", request), REQUEST_ID).body


def test_operations_that_need_no_signature_are_known_by_the_model() -> None:
    service: Service[str] = Service("sts")
    service.operation("AssumeRoleWithSAML", resource=nothing)(lambda _call, _request: None)
    service.operation("AssumeRole", resource=nothing)(lambda _call, _request: None)
    signed = {name: operation.signed for name, operation in service.operations.items()}
    assert signed == {"AssumeRoleWithSAML": False, "AssumeRole": True}


def test_an_operation_that_the_model_has_not_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="no operation CreateBanch"):
        Service[str]("codecommit").operation("CreateBanch", resource=nothing)


def test_an_operation_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="two handlers"):
        a_service().operation("GetRepository", resource=nothing)


def test_models_of_the_machine_do_not_change_the_wire() -> None:
    assert models._loader().search_paths == [Loader.BUILTIN_DATA_PATH]
