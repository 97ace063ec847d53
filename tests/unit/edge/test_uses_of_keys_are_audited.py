"""Who used which KMS key for what is in the audit, though a use changes no row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from doors_at_hand import HOST, Anybody, Doors, ask
from identities_at_hand import root_principal
from moorage.storage import audit
from moorage.storage.audit import AuditEvent
from repositories_at_hand import Desk

SYMMETRIC: dict[str, str] = {}
SIGNING = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MACS = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
SIGNED = {"Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256"}
MAC = {"Message": "eA==", "MacAlgorithm": "HMAC_SHA_256"}
CONTEXT = {"EncryptionContext": {"team": "blue"}}


@dataclass
class Keys:
    """The KMS API behind its door."""

    doors: Doors
    desk: Desk

    def ask(self, operation: str, **request: Any) -> tuple[dict[str, Any], list[AuditEvent]]:
        """Return the answer, and what the audit has of the request."""
        headers = {"host": HOST, "x-amz-target": f"TrentService.{operation}"}
        sent = ask(self.doors.api, "POST", "/", headers, json.dumps(request).encode())
        assert sent.status == 200, sent.body
        self.doors.audit.flush()
        with self.desk.installation.database.read() as connection:
            rows = audit.of_request(connection, sent.headers["x-amzn-requestid"])
        return json.loads(sent.body or b"{}"), rows

    def key(self, **more: str) -> str:
        made, _ = self.ask("CreateKey", **more)
        arn: str = made["KeyMetadata"]["Arn"]
        return arn


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    desk = Desk.at(tmp_path)
    yield Keys(Doors.over(desk, Anybody(root_principal(desk.caller.account_id))), desk)
    desk.close()


@pytest.mark.parametrize(
    ("operation", "spec", "request_of"),
    [
        ("Encrypt", SYMMETRIC, {"Plaintext": "eA==", **CONTEXT}),
        ("GenerateDataKey", SYMMETRIC, {"KeySpec": "AES_256", **CONTEXT}),
        ("GenerateDataKeyWithoutPlaintext", SYMMETRIC, {"KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", SYMMETRIC, {"KeyPairSpec": "ECC_NIST_P256"}),
        ("GenerateDataKeyPairWithoutPlaintext", SYMMETRIC, {"KeyPairSpec": "ECC_NIST_P256"}),
        ("Sign", SIGNING, SIGNED),
        ("GenerateMac", MACS, MAC),
        ("DescribeKey", SYMMETRIC, {}),
        ("DisableKey", SYMMETRIC, {}),
    ],
)
def test_one_row_tells_of_each_use(
    keys: Keys, operation: str, spec: dict[str, str], request_of: dict[str, Any]
) -> None:
    arn = keys.key(**spec)
    _, rows = keys.ask(operation, KeyId=arn, **request_of)
    assert [(row.action, row.resource_arn, row.outcome) for row in rows] == [
        (f"kms:{operation}", arn, "allowed")
    ]


def test_what_takes_the_answer_of_another_is_told_too(keys: Keys) -> None:
    arn, signing, macs = keys.key(), keys.key(**SIGNING), keys.key(**MACS)
    sealed = keys.ask("Encrypt", KeyId=arn, Plaintext="eA==")[0]["CiphertextBlob"]
    signature = keys.ask("Sign", KeyId=signing, **SIGNED)[0]["Signature"]
    mac = keys.ask("GenerateMac", KeyId=macs, **MAC)[0]["Mac"]
    for operation, request in {
        "Decrypt": {"CiphertextBlob": sealed},
        "ReEncrypt": {"CiphertextBlob": sealed, "DestinationKeyId": arn},
        "Verify": {"KeyId": signing, "Signature": signature, **SIGNED},
        "VerifyMac": {"KeyId": macs, "Mac": mac, **MAC},
        "GenerateRandom": {"NumberOfBytes": 8},
    }.items():
        assert [row.action for row in keys.ask(operation, **request)[1]] == [f"kms:{operation}"]
