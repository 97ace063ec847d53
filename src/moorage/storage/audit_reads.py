"""Which operations change nothing, so that nobody but the edge writes their audit row."""

from __future__ import annotations

# Opening a session changes no row.
_READS = ("Assume", "BatchDescribe", "BatchGet", "Decode", "Describe", "Evaluate", "Get", "List", "Simulate")
# What KMS keys are used for: that changes no row either.
_USES = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)
_PULL = "GitPull"


def is_read(operation: str) -> bool:
    """Tell whether an operation changes nothing, by its name without the service's."""
    return operation.startswith(_READS) or operation in _USES or operation == _PULL
