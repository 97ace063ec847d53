"""A role assumed with a token of an identity provider, which a file holds and renews (EKS, CI systems).

Source: botocore's AssumeRoleWithWebIdentityProvider.
"""

from __future__ import annotations

from moorage.client.sources import NoCredentials, cache
from moorage.client.sources.roles import CACHE_FOLDER
from moorage.client.sources.told import one_line

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from moorage.client.sources import Asked, Credentials

MAX_TOKEN_BYTES = 64 * 1024

_VARIABLES = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}


def credentials(asked: Asked) -> Credentials | None:
    """Return the role's credentials; None where no token file is named.

    Raises:
        NoCredentials: there is no role or no token, or STS refuses.
    """
    path = _setting(asked, "web_identity_token_file")
    if not path:
        return None
    role = _setting(asked, "role_arn")
    if not role:
        raise NoCredentials(
            f"profile {asked.profile} has a web identity token and no role: set role_arn, or AWS_ROLE_ARN"
        )
    arguments: dict[str, str | int] = {"RoleArn": role}
    session = _setting(asked, "role_session_name")
    if session:
        arguments["RoleSessionName"] = session
    where = cache.folder(asked.environment, *CACHE_FOLDER)
    key, source = cache.role_key(arguments), f"web identity of profile {asked.profile}"
    held = cache.credentials(where, key, asked.now, source)
    if held is not None:
        return held
    from moorage.client.sources import sts  # what the cache spares

    sent = {"RoleSessionName": f"moorage-{int(asked.now)}", **arguments, "WebIdentityToken": _token(path)}
    why = f"profile {asked.profile} assumes {one_line(role, 200)} with the token in {one_line(path)}"
    answer = sts.assumed(asked, "AssumeRoleWithWebIdentity", sent, None, why=why, now=asked.now)
    return cache.kept(where, key, answer, asked.now, source)


def _setting(asked: Asked, name: str) -> str | None:
    # A profile that is named, by --profile or as a source, stands for itself alone.
    value = None if asked.explicit else asked.environment.get(_VARIABLES[name])
    return asked.settings().get(name) if value is None else value


def _token(path: str) -> str:
    content = cache.read_bounded(path, MAX_TOKEN_BYTES)
    try:
        if content is not None:
            return content.decode()
        reason = f"is no readable file of at most {MAX_TOKEN_BYTES} bytes"
    except UnicodeDecodeError:
        reason = "holds no text"
    raise NoCredentials(f"the web identity token file {one_line(path)} {reason}")
