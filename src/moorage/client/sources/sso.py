"""IAM Identity Center: a role's credentials, for a sign-in that `aws sso login` has made.

Source: botocore's SSOProvider.
"""

from __future__ import annotations

from moorage.client import aws_files
from moorage.client.sources import NoCredentials, cache
from moorage.client.sources.roles import CACHE_FOLDER
from moorage.client.sources.told import one_line, word

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from moorage.client.sources import Asked, Credentials

_REQUIRED = ("sso_role_name", "sso_account_id", "sso_start_url", "sso_region")


class SignIn:
    """What a profile says about its sign-in."""

    __slots__ = ("account", "profile", "region", "role", "session", "start_url")

    def __init__(self, profile: str, settings: dict[str, str]) -> None:
        self.profile = profile
        self.role, self.account, self.start_url, self.region = (settings[name] for name in _REQUIRED)
        self.session = settings.get("sso_session")  # the name of its [sso-session]; None: the older form

    @property
    def remedy(self) -> str:
        return f"run `aws sso login --profile {word(self.profile)}`"


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
    from moorage.client.sources import sso_calls  # what the cache spares

    answer = sso_calls.role_credentials(asked, sign_in)
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
    return SignIn(profile, settings)
