"""A profile with `role_arn`: a role assumed with the credentials of a source, itself perhaps a role.

The whole chain is read before anything is asked, so a loop or a missing profile is told at once.
A role whose credentials the cache still holds ends the walk: what lies behind it is not asked.

Source: botocore's AssumeRoleProvider.
"""

from __future__ import annotations

import contextlib
from time import monotonic

from moorage.client.sources import (
    Credentials,
    NoCredentials,
    assumes_a_role,
    cache,
    from_environment,
    of_profile,
)
from moorage.client.sources.told import one_line

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from moorage.client.sources import Asked

CACHE_FOLDER = ("cli", "cache")  # the AWS CLI's; botocore by itself keeps none

# Settings that become arguments of AssumeRole as they stand.
_ARGUMENTS = {
    "role_session_name": "RoleSessionName",
    "external_id": "ExternalId",
    "mfa_serial": "SerialNumber",
}
_STATIC = ("aws_access_key_id", "aws_secret_access_key")
_SOURCES = ("Environment", "EcsContainer", "Ec2InstanceMetadata")


class Role:
    """A role as one profile asks for it."""

    __slots__ = ("arguments", "profile")

    def __init__(self, profile: str, arguments: dict[str, str | int]) -> None:
        self.profile = profile
        self.arguments = arguments  # of AssumeRole, without a session name made up

    @property
    def why(self) -> str:
        return f"profile {self.profile} assumes {one_line(str(self.arguments['RoleArn']), 200)}"


class Chain:
    """Roles from the one wanted to the first one assumed, and who assumes that one."""

    __slots__ = ("credential_source", "roles", "source_profile")

    def __init__(self, roles: list[Role], source_profile: str | None, credential_source: str | None) -> None:
        self.roles = roles
        self.source_profile = source_profile
        self.credential_source = credential_source


def credentials(asked: Asked) -> Credentials:
    """Return the credentials of the role of `asked.profile`.

    Raises:
        NoCredentials: the profile is wrong, its source has none, or STS refuses.
    """
    chain = chain_of(asked)
    started = monotonic()
    asking: list[Role] = []
    for role in chain.roles:
        held = _cached(asked, role)
        if held is not None:
            break
        asking.append(role)
    else:
        held = _source(asked, chain)
    for role in reversed(asking):
        held = _assumed(asked, role, held, started)
    return held


def chain_of(asked: Asked) -> Chain:
    """Return the roles that a profile stands for.

    Raises:
        NoCredentials: a profile names no source or two, one that is not there, or goes round in a circle.
    """
    roles: list[Role] = []
    visited = [asked.profile]
    while True:
        profile = visited[-1]
        settings = asked.settings(profile)
        roles.append(_role(profile, settings))
        source, named = settings.get("source_profile"), settings.get("credential_source")
        if source is not None and named is not None:
            raise NoCredentials(f"profile {profile} has source_profile and credential_source: remove one")
        if named is not None:
            if named not in _SOURCES:
                raise NoCredentials(
                    f"profile {profile} has credential_source = {one_line(named, 60)}: "
                    f"it is one of {', '.join(_SOURCES)}"
                )
            return Chain(roles, None, named)
        if source is None:
            raise NoCredentials(
                f"profile {profile} has role_arn: it needs source_profile as well, to assume it"
            )
        if not _goes_on(asked, profile, source, visited):
            return Chain(roles, source, None)
        visited.append(source)


def _goes_on(asked: Asked, profile: str, source: str, visited: list[str]) -> bool:
    """Tell whether a source profile is a role itself."""
    if not asked.knows(source):
        raise NoCredentials(
            f"profile {profile} has source_profile = {one_line(source, 60)}, and there is none"
        )
    settings = asked.settings(source)
    static = any(name in settings for name in _STATIC)
    if source in visited and (source != profile or not static):
        raise NoCredentials(f"profiles go round in a circle: {' -> '.join([*visited, source])}")
    return assumes_a_role(settings) and not static


def _role(profile: str, settings: dict[str, str]) -> Role:
    arguments: dict[str, str | int] = {"RoleArn": settings["role_arn"]}
    for name, argument in _ARGUMENTS.items():
        if name in settings:
            arguments[argument] = settings[name]
    if not arguments.get("RoleSessionName"):
        arguments.pop("RoleSessionName", None)
    with contextlib.suppress(KeyError, ValueError):  # botocore passes over what is no number
        arguments["DurationSeconds"] = int(settings["duration_seconds"])
    return Role(profile, arguments)


def _source(asked: Asked, chain: Chain) -> Credentials:
    if chain.credential_source is not None:
        return _named_source(asked, chain.credential_source, chain.roles[-1].profile)
    profile = chain.source_profile or ""
    ours = of_profile(asked.of_source_profile(profile))
    if ours is None:
        raise NoCredentials(
            f"profile {chain.roles[-1].profile} has source_profile = {profile}, which has no key"
        )
    return ours


def _named_source(asked: Asked, name: str, profile: str) -> Credentials:
    ours: Credentials | None
    if name == "Environment":
        ours = from_environment(asked.environment)
    elif name == "EcsContainer":
        from moorage.client.sources import container

        ours = container.credentials(asked)
    else:
        from moorage.client.sources import instance

        ours = instance.credentials(asked)
    if ours is None:
        raise NoCredentials(
            f"profile {profile} has credential_source = {name}, which has no credentials here"
        )
    return ours


def _cached(asked: Asked, role: Role) -> Credentials | None:
    where = cache.folder(asked.environment, *CACHE_FOLDER)
    return cache.credentials(where, cache.role_key(role.arguments), asked.now, _told(role))


def _told(role: Role) -> str:
    return f"role of profile {role.profile}"


def _assumed(asked: Asked, role: Role, source: Credentials, started: float) -> Credentials:
    from moorage.client.sources import sts  # what the cache spares

    arguments = {"RoleSessionName": f"moorage-{int(asked.now)}", **role.arguments}
    if "SerialNumber" in role.arguments:
        from moorage.client.sources import mfa

        arguments["TokenCode"] = mfa.code(asked, str(role.arguments["SerialNumber"]), role.profile)
    # A program or a person may have taken minutes; a signature of a moment ago would not do.
    now = asked.now + int(monotonic() - started)
    answer = sts.assumed(asked, "AssumeRole", arguments, source, why=role.why, now=now)
    return cache.kept(
        cache.folder(asked.environment, *CACHE_FOLDER),
        cache.role_key(role.arguments),
        answer,
        asked.now,
        _told(role),
    )
