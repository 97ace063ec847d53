"""What a profile says about its sign-in at IAM Identity Center.

Source: botocore's SSOProvider.
"""

from __future__ import annotations

from moorage.client import aws_files
from moorage.client.sources import NoCredentials
from moorage.client.sources.told import one_line, word

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from moorage.client.sources import Asked

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
