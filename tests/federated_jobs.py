"""What those who sign in by an identity provider share."""

from __future__ import annotations

import json


def credentials_in(answer: str) -> dict[str, str]:
    """Return the variables for temporary credentials, from what `aws sts assume-role-…` printed."""
    found = json.loads(answer)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }
