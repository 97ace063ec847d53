"""How KMS words its refusals. Sources: AWS KMS API Reference; texts as AWS sends them."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from moorage.core.faults import ACCESS_DENIED, VALIDATION_ERROR, Fault

if TYPE_CHECKING:
    from moorage.storage.kms_keys import KmsKeyRow


def not_found(message: str) -> Fault:
    """The refusal of a key, alias or grant that is not there."""
    return Fault("NotFoundException", message)


def invalid(message: str) -> Fault:
    """The refusal of a value that the model allows and the service does not."""
    return Fault(VALIDATION_ERROR, message)


def unsupported(message: str) -> Fault:
    """The refusal of what this key, or this server, cannot do."""
    return Fault("UnsupportedOperationException", message)


def dry_run() -> Fault:
    """What a request that may only be tried ends in, when nothing else stopped it."""
    return Fault(
        "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."
    )


def limit_exceeded(what: str, limit: int) -> Fault:
    """The refusal of more than a quota allows."""
    return Fault("LimitExceededException", f"{what}: at most {limit:,} are allowed.")


def unknown_ciphertext_key() -> Fault:
    """The refusal of a ciphertext whose key is not there, or nobody's business."""
    return Fault(
        ACCESS_DENIED,
        "The ciphertext refers to a customer master key that does not exist, does not exist in this "
        "region, or you are not allowed to access.",
    )


def require_usable(key: KmsKeyRow) -> None:
    """Refuse a key that is not enabled.

    Raises:
        Fault: DisabledException or KMSInvalidStateException.
    """
    if key.state == "Disabled":
        raise Fault("DisabledException", f"{key.arn} is disabled.")
    require_kept(key)


def require_kept(key: KmsKeyRow) -> None:
    """Refuse a key that is to be deleted.

    Raises:
        Fault: KMSInvalidStateException.
    """
    if key.state == "PendingDeletion":
        raise Fault("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def require_usage(key: KmsKeyRow, usage: str, operation: str) -> None:
    """Refuse a key that is for another use.

    Raises:
        Fault: InvalidKeyUsageException.
    """
    if key.key_usage != usage:
        raise Fault(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}.",
        )


def require_algorithm(key: KmsKeyRow, algorithm: str, known: Container[str]) -> None:
    """Refuse an algorithm that a key has not.

    Raises:
        Fault: InvalidKeyUsageException.
    """
    if algorithm not in known:
        raise Fault(
            "InvalidKeyUsageException",
            f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.",
        )
