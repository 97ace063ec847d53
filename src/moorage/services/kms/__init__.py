"""KMS: keys and who rules them. Importing it registers the operations."""

from __future__ import annotations

from moorage.services.kms import (
    aliases,
    data_keys,
    encryption,
    grants,
    keys,
    policies,
    rotation,
    signing,
    tags,
)
from moorage.services.kms.service import kms

__all__ = [
    "aliases",
    "data_keys",
    "encryption",
    "grants",
    "keys",
    "kms",
    "policies",
    "rotation",
    "signing",
    "tags",
]
