"""The KMS service: where its operations register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.wire.dispatch import Service

if TYPE_CHECKING:
    from moorage.services.call import Call

Request = dict[str, Any]
Answer = dict[str, Any]

kms: Service[Call] = Service("kms")
