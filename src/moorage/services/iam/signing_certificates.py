"""Signing certificates, of SOAP's days: none can be uploaded here, so every user has none.

Terraform asks before it deletes a user by force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.services.iam import targets
from moorage.services.iam.service import Answer, Request, iam
from moorage.services.iam.subjects import user_or_self

if TYPE_CHECKING:
    from moorage.services.call import Call


@iam.operation("ListSigningCertificates", resource=targets.named_user)
def list_signing_certificates(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        user_or_self(connection, call.caller, request)
    return {"Certificates": [], "IsTruncated": False}
