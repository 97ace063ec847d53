"""The AWS service models, loaded when first asked for."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

SERVICES = ("codecommit", "iam", "kms", "sts")
Protocol = Literal["json", "query"]

# Where each service is asked for. Written here so that a request is routed without loading the
# models of services it does not concern; a test holds the tables to the models.
TARGET_PREFIXES = {"CodeCommit_20150413": "codecommit", "TrentService": "kms"}
API_VERSIONS = {"2010-05-08": "iam", "2011-06-15": "sts"}


@cache
def _loader() -> Loader:
    # Only the models that ship with botocore: a file under ~/.aws/models must not change the wire.
    return Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])


@cache
def service_model(name: str) -> ServiceModel:
    """Return the model of a service, as codecommit; KeyError when moorage does not speak it."""
    if name not in SERVICES:
        raise KeyError(name)
    return ServiceModel(_loader().load_service_model(name, "service-2"), service_name=name)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Return the model of an operation; botocore's OperationNotFoundError when there is none."""
    return service_model(service).operation_model(operation)


@cache
def paginators(service: str) -> dict[str, dict[str, Any]]:
    """Return the paginators of a service by operation; not every paged operation has one."""
    return dict(_loader().load_service_model(service, "paginators-1")["pagination"])


@cache
def endpoints() -> dict[str, Any]:
    """Return botocore's data on partitions, regions and endpoints."""
    return dict(_loader().load_data("endpoints"))


def protocol(service: str) -> Protocol:
    """Return how a service is spoken to: JSON 1.1 or Query."""
    return "json" if service in TARGET_PREFIXES.values() else "query"


def by_target(target: str) -> tuple[str, str] | None:
    """Return service and operation name of an `X-Amz-Target`; None when it names no service here.

    The operation may be one that the service does not have.
    """
    prefix, _, operation = target.partition(".")
    service = TARGET_PREFIXES.get(prefix)
    return None if service is None else (service, operation)


def by_version(version: str) -> str | None:
    """Return the Query service whose API has this `Version`."""
    return API_VERSIONS.get(version)
