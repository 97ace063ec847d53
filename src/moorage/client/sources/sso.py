"""IAM Identity Center: a role's credentials for a sign-in that `aws sso login` has made.

The sign-in's token lies in ~/.aws/sso/cache. That of an [sso-session] is renewed here as the AWS CLI
would, while its registration lives; then only a new sign-in helps, and the person is told so.

Source: botocore's SSOProvider and SSOTokenProvider; the `sso` and `sso-oidc` service models.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard
from urllib.parse import urlsplit

from moorage.client import aws_files
from moorage.client.sources import NoCredentials, cache
from moorage.client.sources.endpoints import ask, checked_region, endpoint
from moorage.client.sources.http_call import CallFailed
from moorage.client.sources.roles import CACHE_FOLDER
from moorage.client.sources.told import one_line
from moorage.core.sigv4 import uri_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.client.sources import Asked, Credentials
    from moorage.client.sources.http_call import Answer

TOKEN_FOLDER = ("sso", "cache")
MAX_TIME = 10**14  # milliseconds; what Python's dates can hold is a little more
RENEW_SECONDS = 15 * 60  # a token that ends sooner is renewed, as botocore does

_REQUIRED = ("sso_role_name", "sso_account_id", "sso_start_url", "sso_region")
_TO_RENEW = ("refreshToken", "clientId", "clientSecret", "registrationExpiresAt")


class SignIn(NamedTuple):
    """What a profile says about its sign-in."""

    profile: str
    role: str
    account: str
    start_url: str
    region: str
    session: str | None  # the name of its [sso-session]; None for the older form

    @property
    def remedy(self) -> str:
        return f"run `aws sso login --profile {self.profile}`"


def credentials(asked: Asked) -> Credentials:
    """Return the credentials of the profile's role.

    Raises:
        NoCredentials: the profile is incomplete, the sign-in is over, or AWS refuses.
    """
    sign_in = sign_in_of(asked)
    where, source = cache.folder(asked.environment, *CACHE_FOLDER), f"SSO of profile {sign_in.profile}"
    key = cache.sso_role_key(
        role=sign_in.role, account=sign_in.account, session=sign_in.session, start_url=sign_in.start_url
    )
    held = cache.credentials(where, key, asked.now, source)
    if held is not None:
        return held
    answer = _role_credentials(asked, sign_in, _token(asked, sign_in))
    return cache.kept(where, key, answer, asked.now, source)


def sign_in_of(asked: Asked) -> SignIn:
    """Return the profile's settings, with those of its [sso-session].

    Raises:
        NoCredentials: one is missing, or the two disagree.
    """
    settings, profile = asked.settings(), asked.profile
    session = settings.get("sso_session")
    if session is not None:
        section = aws_files.named(asked.config, "sso-session").get(session)
        if not section:
            raise NoCredentials(f"profile {profile}: there is no [sso-session {one_line(session, 60)}]")
        for name, value in section.items():
            if settings.setdefault(name, value) != value:
                raise NoCredentials(f"profile {profile} and its sso-session {session} differ in {name}")
    missing = [name for name in _REQUIRED if name not in settings]
    if missing:
        raise NoCredentials(f"profile {profile} uses SSO and lacks {', '.join(missing)}")
    role, account, start_url, region = (settings[name] for name in _REQUIRED)
    return SignIn(profile, role, account, start_url, checked_region(region), session)


def _token(asked: Asked, sign_in: SignIn) -> str:
    where = cache.folder(asked.environment, *TOKEN_FOLDER)
    key = cache.sso_token_key(session=sign_in.session, start_url=sign_in.start_url)
    held = cache.read(where, key)
    ends = cache.moment(held.get("expiresAt")) if held else None
    if held is None or ends is None or not isinstance(held.get("accessToken"), str):
        raise NoCredentials(f"profile {sign_in.profile} is not signed in: {sign_in.remedy}")
    reason = "has expired"
    if sign_in.session is not None and ends - asked.now < RENEW_SECONDS:
        try:
            renewed = _renewed(asked, sign_in, held)
        except CallFailed as error:
            renewed, reason = None, f"has expired, and cannot be renewed ({error})"
        if renewed is not None:
            cache.write(where, key, renewed)
            return str(renewed["accessToken"])
    if ends <= asked.now:
        raise NoCredentials(f"the sign-in of profile {sign_in.profile} {reason}: {sign_in.remedy}")
    return str(held["accessToken"])


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


def _role_credentials(asked: Asked, sign_in: SignIn, token: str) -> dict[str, Any]:
    """Return the answer to GetRoleCredentials, in the form that the AWS CLI keeps."""
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
