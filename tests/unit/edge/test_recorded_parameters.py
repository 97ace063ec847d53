"""No request and no answer leaves a secret in the audit: held over the shapes of all operations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import Shape

from moorage.edge import recorded_parameters
from moorage.edge.recorded_parameters import CUT, HIDDEN, HIDDEN_MEMBERS
from moorage.server.compose import SERVICES
from moorage.storage import cloudtrail
from moorage.storage.audit_reads import is_read
from moorage.wire import models

CANARY = "canary-4f1d"
SOUNDS_SECRET = re.compile(
    "pass|secret|token|code|assert|key|content|plain|private|credential|seed", re.IGNORECASE
)
# They sound like secrets and are none: names and ids of keys, settings, documents, words of paging.
HARMLESS = frozenset(
    {
        "AccessKey",
        "AccessKeyId",
        "AllowUsersToChangePassword",
        "AssertionEncryptionMode",
        "BypassPolicyLockoutSafetyCheck",
        "ContextKeyName",
        "ContextKeyType",
        "ContextKeyValues",
        "CredentialAgeDays",
        "CurrentKeyMaterialId",
        "CustomKeyStoreId",
        "CustomKeyStoreName",
        "CustomKeyStoreType",
        "CustomerMasterKeySpec",
        "DestinationKeyId",
        "EncryptedKeyMaterial",
        "GlobalEndpointTokenVersion",
        "ImportToken",
        "IncludeKeyMaterial",
        "Key",
        "KeyAgreementAlgorithm",
        "KeyAgreementAlgorithms",
        "KeyEncryptionAlgorithm",
        "KeyId",
        "KeyManager",
        "KeyMaterialDescription",
        "KeyMaterialId",
        "KeyMetadata",
        "KeyOrigin",
        "KeyPairSpec",
        "KeySpec",
        "KeyState",
        "KeyUsage",
        "MaxPasswordAge",
        "MinimumPasswordLength",
        "MinimumSessionTokenSize",
        "MultiRegionKeyType",
        "NewCustomKeyStoreName",
        "NextToken",
        "PasswordLastUsed",
        "PasswordResetRequired",
        "PasswordReusePrevention",
        "PrimaryKey",
        "PublicKey",
        "RemovePrivateKey",
        "ReplicaKeyMetadata",
        "ReplicaKeys",
        "SSHPublicKey",
        "SSHPublicKeyBody",
        "SSHPublicKeyId",
        "ServiceCredentialAlias",
        "ServiceSpecificCredential",
        "ServiceSpecificCredentialId",
        "SharedSecretCiphertextBlob",
        "SortKey",
        "SourceKeyId",
        "TagKey",
        "TagKeys",
        "TargetKeyId",
        "TransitiveTagKeys",
        "WrappingAlgorithm",
        "WrappingKeySpec",
        "XksKeyConfiguration",
        "XksKeyId",
        "approvalRuleContent",
        "approvalRuleTemplateContent",
        "clientRequestToken",
        "contentType",
        "errorCode",
        "existingRuleContentSha256",
        "keepEmptyFolders",
        "kmsKeyId",
        "newRuleContent",
        "nextToken",
        "originalKmsKeyId",
        "replaceContents",
        "ruleContentSha256",
        "tagKeys",
    }
)
OPERATIONS = [
    (service, name) for service in SERVICES for name in models.service_model(service).operation_names
]


def members(shape: Shape | None, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    if shape is None or shape.name in seen:
        return
    seen |= {shape.name}
    for name, member in getattr(shape, "members", {}).items():
        yield name, member
        yield from members(member, seen)
    for below in ("member", "value"):
        yield from members(getattr(shape, below, None), seen)


def filled(shape: Any, name: str = "", depth: int = 0) -> Any:
    """Return a value of a shape with the canary in all that must not be kept."""
    if shape.type_name == "structure":
        return {key: filled(each, key, depth + 1) for key, each in shape.members.items() if depth < 6}
    if shape.type_name == "list":
        return [filled(shape.member, name, depth + 1)]
    if shape.type_name == "map":
        return {"some-key": filled(shape.value, name, depth + 1)}
    if shape.type_name == "blob":
        return CANARY.encode()
    hidden = shape.metadata.get("sensitive") and name != "AccessKeyId"
    return CANARY if hidden or name in HIDDEN_MEMBERS else f"of {name}"


def kept_shapes(service: str, operation: str) -> list[Any]:
    """Return the shapes of what the audit keeps of an operation: the request, and the answer to a change."""
    model = models.operation_model(service, operation)
    shapes = [model.input_shape, None if is_read(operation) else model.output_shape]
    return [shape for shape in shapes if shape is not None]


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_no_operation_leaves_a_secret(service: str, operation: str) -> None:
    for shape in kept_shapes(service, operation):
        require_no_secret_of(shape)


def require_no_secret_of(shape: Any) -> None:
    undecided = {
        name
        for name, member in members(shape)
        if SOUNDS_SECRET.search(name)
        and member.type_name != "blob"
        and name not in HIDDEN_MEMBERS
        and name not in HARMLESS
    }
    assert not undecided
    kept = json.dumps(recorded_parameters.of(filled(shape)))
    assert CANARY not in kept


def test_every_map_of_the_models_keeps_its_keys() -> None:
    maps = {
        name
        for service, operation in OPERATIONS
        for shape in kept_shapes(service, operation)
        for name, member in members(shape)
        if member.type_name == "map"
    }
    assert maps == cloudtrail.MAPS


def test_the_versions_of_the_records_are_the_models() -> None:
    versions = {service: models.service_model(service).api_version for service in SERVICES}
    assert versions == cloudtrail.API_VERSIONS


def test_names_and_policies_are_kept() -> None:
    asked = {"UserName": "mary", "PolicyDocument": '{"Statement": []}', "Password": CANARY}
    assert recorded_parameters.of(asked) == {**asked, "Password": HIDDEN}
    assert recorded_parameters.of({}) is None


@pytest.mark.parametrize(
    "huge",
    [
        {"text": "x" * 1_000_000},
        {"texts": ["x" * 5000] * 1000},
        {"map": {f"key-{number}": "x" * 100 for number in range(5000)}},
        {"numbers": list(range(100_000))},
        {"x" * 100_000: 1},
    ],
)
def test_what_is_kept_of_a_request_is_bounded(huge: dict[str, Any]) -> None:
    kept = json.dumps(recorded_parameters.of(huge), ensure_ascii=False)
    assert len(kept) < 40_000
    assert CUT in kept


def test_what_is_nested_deep_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"below": deep}
    assert CUT in json.dumps(recorded_parameters.of(deep), ensure_ascii=False)
