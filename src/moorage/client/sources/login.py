"""`aws login` sessions: the credentials in their cache, while they live.

Renewing them takes a signature with an elliptic curve's key, which the standard library cannot make;
so that is left to the AWS CLI.

Source: botocore's LoginProvider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.client import aws_files
from moorage.client.sources import Credentials, NoCredentials, cache, delegated
from moorage.client.sources.told import word

if TYPE_CHECKING:
    from moorage.client.sources import Asked

FOLDER_VARIABLE = "AWS_LOGIN_CACHE_DIRECTORY"


def credentials(asked: Asked) -> Credentials | None:
    """Return the session's credentials; None where the profile names no session.

    Raises:
        NoCredentials: nobody has signed in, or the AWS CLI cannot renew the session.
    """
    session = asked.settings().get("login_session")
    if session is None:
        return None
    named = asked.environment.get(FOLDER_VARIABLE)
    where = cache.folder(asked.environment, "login", "cache")
    if named:
        where = aws_files.expanded(named, asked.environment)
    held = cache.read(where, cache.login_key(session))
    remedy = f"run `aws login --profile {word(asked.profile)}`"
    if held is None:
        raise NoCredentials(f"profile {asked.profile} is not signed in: {remedy}")
    return _of(held, asked) or delegated.credentials(
        asked,
        f"the sign-in of profile {asked.profile} has to be renewed",
        remedy,
    )


def _of(held: dict[str, object], asked: Asked) -> Credentials | None:
    token = held.get("accessToken")
    if not isinstance(token, dict):
        return None
    answer = {
        "AccessKeyId": token.get("accessKeyId"),
        "SecretAccessKey": token.get("secretAccessKey"),
        "SessionToken": token.get("sessionToken"),
        "Expiration": token.get("expiresAt"),
    }
    return cache.living({"Credentials": answer}, asked.now, f"aws login of profile {asked.profile}")
