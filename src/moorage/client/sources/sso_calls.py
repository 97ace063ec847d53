"""What IAM Identity Center is asked: a new token for a sign-in, and the credentials of a role.

The sign-in's token lies in ~/.aws/sso/cache. That of an [sso-session] is renewed here as the AWS CLI
would, while its registration lives; then only a new sign-in helps, and the person is told so.

Source: botocore's SSOTokenProvider and SSOCredentialFetcher; the `sso` and `sso-oidc` service models.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

from moorage.client.sources import NoCredentials, cache
from moorage.client.sources.endpoints import ask, checked_region, endpoint
from moorage.client.sources.http_call import CallFailed
from moorage.client.sources.told import one_line
from moorage.core.sigv4 import uri_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.client.sources import Asked
    from moorage.client.sources.http_call import Answer
    from moorage.client.sources.sso_sign_in import SignIn

TOKEN_FOLDER = ("sso", "cache")
MAX_TIME = 10**14  # milliseconds; what Python's dates can hold is a little more
RENEW_SECONDS = 15 * 60  # a token that ends sooner is renewed, as botocore does

_TO_RENEW = ("refreshToken", "clientId", "clientSecret", "registrationExpiresAt")


def _token(asked: Asked, sign_in: SignIn) -> str:
    where = cache.folder(asked.environment, *TOKEN_FOLDER)
    key = cache.sso_token_key(session=sign_in.session, start_url=sign_in.start_url)
    held = cache.read(where, key) or {}
    token, ends = held.get("accessToken"), cache.moment(held.get("expiresAt"))
    if not isinstance(token, str) or ends is None:
        raise NoCredentials(f"profile {sign_in.profile} is not signed in: {sign_in.remedy}")
    reason = "has expired"
    if sign_in.session is not None and ends - asked.now < RENEW_SECONDS:
        try:
            renewed = _renewed(asked, sign_in, held)
        except CallFailed as error:
            # Git fetches several submodules at once: another helper may just have renewed it.
            renewed, reason = cache.read(where, key), f"has expired, and cannot be renewed ({error})"
        else:
            if renewed is not None:
                cache.write(where, key, renewed)
        if _lives(renewed, asked.now):
            return str(renewed["accessToken"])
    if ends <= asked.now:
        raise NoCredentials(f"the sign-in of profile {sign_in.profile} {reason}: {sign_in.remedy}")
    return token


def _lives(held: dict[str, Any] | None, now: float) -> TypeGuard[dict[str, Any]]:
    ends = cache.moment(held.get("expiresAt")) if held else None
    return held is not None and isinstance(held.get("accessToken"), str) and ends is not None and ends > now


def _renewed(asked: Asked, sign_in: SignIn, held: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the cache entry of a new token; None where only a new sign-in brings one."""
    if any(not isinstance(held.get(name), str) for name in _TO_RENEW):
        return None
    registered_until = cache.moment(held["registrationExpiresAt"])
    if registered_until is None or registered_until <= asked.now:
        return None
    form = {
        "clientId": held["clientId"],
        "clientSecret": held["clientSecret"],
        "grantType": "refresh_token",
        "refreshToken": held["refreshToken"],
    }
    place = endpoint(asked, "sso_oidc", sign_in.region)
    headers = {"Host": urlsplit(place.url).netloc, "Content-Type": "application/json"}
    answer = ask(asked, f"{place.url}/token", method="POST", headers=headers, body=json.dumps(form).encode())
    found = _object(answer)
    if answer.status != 200:
        raise CallFailed(_refusal(found, answer))
    token, seconds = found.get("accessToken"), found.get("expiresIn")
    if not isinstance(token, str) or not _is_time(seconds):
        raise CallFailed(f"{place.url} answered without a token")
    made = {
        "startUrl": sign_in.start_url,
        "region": sign_in.region,
        "accessToken": token,
        "expiresAt": cache.written(asked.now + seconds),
        "clientId": held["clientId"],
        "clientSecret": held["clientSecret"],
        "registrationExpiresAt": held["registrationExpiresAt"],
    }
    following = found.get("refreshToken")
    return {**made, "refreshToken": following} if isinstance(following, str) else made


def role_credentials(asked: Asked, sign_in: SignIn) -> dict[str, Any]:
    """Return the answer to GetRoleCredentials, in the form that the AWS CLI keeps.

    Raises:
        NoCredentials: the sign-in is over, or AWS refuses.
    """
    checked_region(sign_in.region)
    token = _token(asked, sign_in)
    why = f"profile {sign_in.profile} asks for the role {one_line(sign_in.role, 100)} of {sign_in.account}"
    if not (token.isascii() and token.isprintable()):
        raise NoCredentials(f"{why}: the token in its cache is no token: {sign_in.remedy}")
    place = endpoint(asked, "sso", sign_in.region)
    query = f"role_name={uri_encode(sign_in.role)}&account_id={uri_encode(sign_in.account)}"
    headers = {"Host": urlsplit(place.url).netloc, "x-amz-sso_bearer_token": token}
    try:
        answer = ask(asked, f"{place.url}/federation/credentials?{query}", headers=headers)
    except CallFailed as error:
        raise NoCredentials(f"{why}: {error}") from None
    found = _object(answer)
    if answer.status == 401:
        raise NoCredentials(f"{why}: the sign-in is no longer valid: {sign_in.remedy}")
    held = found.get("roleCredentials")
    if answer.status != 200 or not isinstance(held, dict):
        raise NoCredentials(f"{why}: {_refusal(found, answer)}")
    ends = held.get("expiration")
    made = {
        "AccessKeyId": held.get("accessKeyId"),
        "SecretAccessKey": held.get("secretAccessKey"),
        "SessionToken": held.get("sessionToken"),
        "Expiration": cache.written(ends / 1000) if _is_time(ends) else None,
        "AccountId": sign_in.account,
    }
    return {"ProviderType": "sso", "Credentials": made}


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and 0 <= value < MAX_TIME


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _refusal(found: Mapping[str, Any], answer: Answer) -> str:
    parts = [found.get(name) for name in ("__type", "error", "message", "error_description")]
    told = ": ".join(part for part in parts if isinstance(part, str) and part)
    return f"AWS says {one_line(told)}" if told else f"AWS answered with status {answer.status}"
