"""Where credentials come from: the order in which botocore asks, and the sources that need nothing.

The environment's keys and the keys of AWS's two files are found here, with no further import. Every
other source is a module of this package with `credentials(asked) -> Credentials | None` (None: the
source has nothing to say, ask the next), imported only when the profile or the environment names it.

Source: botocore's `credentials.create_credential_resolver`.
"""

from __future__ import annotations

from moorage.client import aws_files

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.client.aws_files import Sections


class NoCredentials(Exception):
    """There are no credentials: one line for a person, with what to do about it. No secret in it."""


class Credentials:
    """An access key with its secret, perhaps for a time (`expires_at`, Unix seconds), and its source.

    No NamedTuple nor dataclass: what makes those takes longer to load than all that uses them.
    """

    __slots__ = ("access_key", "expires_at", "secret_key", "source", "token")

    def __init__(
        self,
        access_key: str,
        secret_key: str,
        token: str | None = None,
        expires_at: float | None = None,
        source: str = "",
    ) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires_at = expires_at
        self.source = source

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r}, ***, source={self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credentials) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.access_key, self.source))


class Asked:
    """What every source is asked with: the environment, the profile, the time and AWS's two files."""

    __slots__ = (
        "_config",
        "_credentials",
        "_profiles",
        "environment",
        "explicit",
        "is_named",
        "now",
        "profile",
        "session_profile",
    )

    def __init__(self, environment: Mapping[str, str], profile: str | None, now: float) -> None:
        self.environment = environment
        self.explicit = bool(profile)  # named by --profile: then the environment's keys do not count
        self.profile = aws_files.profile_of(environment, profile)
        self.is_named = bool(
            profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
        )
        self.session_profile = self.profile  # whose region, endpoint and CA hold, see `of_source_profile`
        self.now = now  # Unix time, seconds
        self._config: Sections | None = None
        self._credentials: Sections | None = None
        self._profiles: Sections | None = None

    @property
    def config(self) -> Sections:
        """The config file's sections as they stand there."""
        if self._config is None:
            self._config = _file(aws_files.config_path(self.environment))
        return self._config

    @property
    def config_profiles(self) -> Sections:
        """The config file's profiles by name."""
        if self._profiles is None:
            self._profiles = aws_files.profiles_of(self.config)
        return self._profiles

    @property
    def credentials(self) -> Sections:
        """The credentials file's profiles by name."""
        if self._credentials is None:
            self._credentials = _file(aws_files.credentials_path(self.environment))
        return self._credentials

    def settings(self, profile: str | None = None) -> dict[str, str]:
        """Return a profile's settings of both files; the credentials file's win, as in botocore."""
        name = profile or self.profile
        return {**self.config_profiles.get(name, {}), **self.credentials.get(name, {})}

    def session_settings(self) -> dict[str, str]:
        """Return the settings of the profile that the command runs under."""
        return self.settings(self.session_profile)

    def of_source_profile(self, profile: str) -> Asked:
        """Return the same question for a profile that another one names as its source."""
        other = Asked(self.environment, profile, self.now)
        other.session_profile = self.session_profile
        other._config, other._credentials, other._profiles = self._config, self._credentials, self._profiles
        return other

    def knows(self, profile: str) -> bool:
        return profile in self.config_profiles or profile in self.credentials


def resolve(environment: Mapping[str, str], profile: str | None, now: float) -> Credentials:
    """Return the credentials that botocore would use; `profile` is the one named by --profile, if any.

    Raises:
        NoCredentials: no source has any, or the one that should has failed.
    """
    return found(Asked(environment, profile, now))


def found(asked: Asked) -> Credentials:
    """Return the credentials of the first source that has any; see `resolve`."""
    # A profile that is named must be there, even where the environment's keys come before it.
    if asked.is_named and not asked.knows(asked.profile):
        raise NoCredentials(_unknown_profile(asked))
    if not asked.explicit:
        ours = from_environment(asked.environment)
        if ours is not None:
            return ours
    if assumes_a_role(asked.settings()):
        return _required("roles", asked)
    return of_profile(asked) or _of_the_machine(asked)


def of_profile(asked: Asked) -> Credentials | None:
    """Return what a profile has by itself: all but a role that it assumes by another's credentials."""
    settings = asked.settings()
    for name in _before_the_credentials_file(settings, asked):
        ours = _from_module(name, asked)
        if ours is not None:
            return ours
    ours = from_section(asked.credentials.get(asked.profile), aws_files.credentials_path(asked.environment))
    if ours is not None:
        return ours
    for name in ("login", "process"):
        if _KEY_OF[name] in settings:
            ours = _from_module(name, asked)
            if ours is not None:
                return ours
    return from_section(asked.config_profiles.get(asked.profile), aws_files.config_path(asked.environment))


_KEY_OF = {"login": "login_session", "process": "credential_process"}


def _before_the_credentials_file(settings: Mapping[str, str], asked: Asked) -> list[str]:
    """Return the sources that come before keys in the credentials file and that are set up at all."""
    names = []
    from_variable = not asked.explicit and "AWS_WEB_IDENTITY_TOKEN_FILE" in asked.environment
    if from_variable or "web_identity_token_file" in settings:
        names.append("web_identity")
    if "sso_account_id" in settings or "sso_role_name" in settings:
        names.append("sso")
    return names


def assumes_a_role(settings: Mapping[str, str]) -> bool:
    return "role_arn" in settings and "web_identity_token_file" not in settings


def _of_the_machine(asked: Asked) -> Credentials:
    """Return what the machine gives to all that runs on it."""
    for name in ("older_files", "container", "instance"):
        ours = _from_module(name, asked)
        if ours is not None:
            return ours
    raise NoCredentials(
        f"no AWS credentials: profile {asked.profile} has none, and neither has the environment; "
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure`, or name another profile"
    )


def _required(name: str, asked: Asked) -> Credentials:
    ours = _from_module(name, asked)
    assert ours is not None, f"{name} raises NoCredentials where it has none"
    return ours


def _from_module(name: str, asked: Asked) -> Credentials | None:
    module = __import__(f"{__name__}.{name}", fromlist=("credentials",))
    ours: Credentials | None = module.credentials(asked)
    return ours


def from_environment(environment: Mapping[str, str]) -> Credentials | None:
    """Return the keys of the environment, if they are there."""
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    if not access_key:
        return None
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if not secret_key:
        raise NoCredentials("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both, or neither")
    token = environment.get("AWS_SECURITY_TOKEN") or environment.get("AWS_SESSION_TOKEN") or None
    ends = environment.get("AWS_CREDENTIAL_EXPIRATION")
    return Credentials(access_key, secret_key, token, _moment(ends) if ends else None, "environment")


def from_section(section: Mapping[str, str] | None, path: str) -> Credentials | None:
    """Return the keys of a profile's section in the file at `path`, if they are there."""
    if section is None or "aws_access_key_id" not in section:
        return None
    if not section.get("aws_access_key_id") or not section.get("aws_secret_access_key"):
        raise NoCredentials(f"{path} has a profile with only one half of a key: it needs both")
    # The older name first, as botocore has it.
    token = section.get("aws_security_token", section.get("aws_session_token"))
    return Credentials(
        section["aws_access_key_id"], section["aws_secret_access_key"], token or None, None, path
    )


def _moment(text: str) -> float | None:
    from datetime import UTC, datetime  # only where the environment tells an end

    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None  # a hint for git alone; the service judges
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _file(path: str) -> Sections:
    try:
        return aws_files.read(path)
    except aws_files.Unreadable as error:
        raise NoCredentials(str(error)) from None


def _unknown_profile(asked: Asked) -> str:
    places = (aws_files.config_path(asked.environment), aws_files.credentials_path(asked.environment))
    return (
        f"there is no profile {asked.profile} in {' nor in '.join(places)}: see `aws configure list-profiles`"
    )
