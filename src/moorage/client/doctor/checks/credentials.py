"""Whose credentials sign, whether there are any, and whether they still hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from moorage.client.doctor import fixes, tokens
from moorage.client.doctor.facts import Facts, Target, place
from moorage.client.doctor.finding import Finding, found, typed

_SOURCES = (
    "aws_access_key_id",
    "role_arn",
    "web_identity_token_file",
    "sso_account_id",
    "sso_role_name",
    "login_session",
    "credential_process",
)
_OF_THE_MACHINE = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
)
# MSYS takes what begins with a slash for a path of its own root, and writes Windows' path instead.
_MANGLED = re.compile(r"[A-Za-z]:[/\\]")
_MAY_BE_MANGLED = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
# wincred.h: CRED_MAX_USERNAME_LENGTH; and the line that two helpers read before git 2.41.
_WINCRED_USERNAME = 513
_OLD_LINE_BYTES = 1024
_LONG_LINES = (2, 41)


def profile_is_known(facts: Facts, target: Target) -> Iterator[Finding]:
    profile = facts.profile_of(target)
    broken = facts.config.problem or facts.credentials.problem
    if profile == "default" or facts.knows(profile) or broken or _is_unquoted(facts, profile):
        return
    signer = target.signer
    if target.profile_named is None and signer is None and target.uses_https:
        return
    if target.profile_named is None:
        where = "AWS_PROFILE" if facts.environment.get("AWS_PROFILE") else "AWS_DEFAULT_PROFILE"
    else:
        where = place(signer.entry) if signer is not None else target.where
    yield found(
        "unknown-profile",
        f"There is no profile {profile}.",
        evidence=f"named by {where}; not in {facts.config.path} nor in {facts.credentials.path}",
        consequence="The helper finds no credentials, and git asks for a user name.",
        remedy="Name one of those that aws configure list-profiles prints, or make it: "
        + typed("aws", "configure", "--profile", profile),
    )


def _is_unquoted(facts: Facts, profile: str) -> bool:
    """Tell whether the profile's section only lacks its quotes, which is a finding of its own."""
    return f"profile {profile}" in facts.config.sections and " " in profile


def there_are_credentials(facts: Facts, target: Target) -> Iterator[Finding]:
    profile = facts.profile_of(target)
    signer = target.signer
    if target.uses_https and (signer is None or _answered(facts, target)):
        return
    if facts.config.problem or facts.credentials.problem or _is_unquoted(facts, profile):
        return
    if target.profile_named is None and facts.environment.get("AWS_ACCESS_KEY_ID"):
        return
    if facts.is_on_ec2 and (signer is None or facts.answer(target, signer) is None):
        return  # nobody was asked, and the instance's role may answer
    settings = facts.settings(profile)
    if any(settings.get(key) for key in _SOURCES) or any(map(facts.environment.get, _OF_THE_MACHINE)):
        return
    if profile != "default" and not facts.knows(profile):
        return  # unknown-profile says it
    yield found(
        "no-credentials",
        f"The profile {profile} has no credentials, and neither has the environment.",
        evidence=f"{facts.credentials.path} and {facts.config.path} have no key and no source for it",
        consequence="The helper cannot sign, and git asks for a user name.",
        remedy=typed("aws", "configure", "--profile", profile) + ", or name another profile",
    )


def _answered(facts: Facts, target: Target) -> bool:
    signer = target.signer
    answer = facts.answer(target, signer) if signer is not None else None
    return answer is not None and answer.is_given


def keys_are_whole(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say where a key and a session token do not belong together."""
    for where, key, token in _keys(facts, target):
        if key.startswith("ASIA") and not token:
            yield found(
                "session-token-missing",
                f"The access key {key} is temporary, and its session token is not there.",
                evidence=where,
                consequence="Every signature is refused: unknown key, or InvalidClientTokenId.",
                remedy="Set AWS_SESSION_TOKEN (in the file: aws_session_token) too, or take the key out.",
            )
        if key.startswith("AKIA") and token:
            yield found(
                "session-token-left-over",
                f"The access key {key} is permanent, and a session token of another key stands beside it.",
                evidence=where,
                consequence="Every signature is refused: the token is of another key.",
                remedy="unset AWS_SESSION_TOKEN, or take aws_session_token out of the file.",
            )


def _keys(facts: Facts, target: Target) -> Iterator[tuple[str, str, str]]:
    """Yield the key that the environment or the profile gives: where it stands, its id, its token."""
    environment = facts.environment
    if target.profile_named is None and environment.get("AWS_ACCESS_KEY_ID"):
        token = environment.get("AWS_SESSION_TOKEN") or environment.get("AWS_SECURITY_TOKEN") or ""
        yield "AWS_ACCESS_KEY_ID in the environment", environment["AWS_ACCESS_KEY_ID"], token
        return
    profile = facts.profile_of(target)
    section = facts.credentials.sections.get(profile, {})
    file = facts.credentials if "aws_access_key_id" in section else facts.config
    settings = facts.settings(profile)
    token = settings.get("aws_session_token") or settings.get("aws_security_token") or ""
    if settings.get("aws_access_key_id"):
        yield f"profile {profile} in {file.path}", settings["aws_access_key_id"], token


def credentials_are_fresh(facts: Facts, target: Target) -> Iterator[Finding]:
    ends: str | None
    if target.profile_named is None and facts.environment.get("AWS_ACCESS_KEY_ID"):
        ends, where = facts.environment.get("AWS_CREDENTIAL_EXPIRATION"), "AWS_CREDENTIAL_EXPIRATION"
    else:
        profile = facts.profile_of(target)
        settings = facts.settings(profile)
        ends = settings.get("aws_expiration") or settings.get("x_security_token_expires")
        where = f"profile {profile} in {facts.credentials.path}"
    moment = tokens.moment(ends)
    if moment is not None and moment <= facts.now:
        yield found(
            "credentials-expired",
            "The temporary credentials have expired.",
            evidence=f"{where} says {ends}; it is {_shown(facts.now)}",
            consequence="Every signature is refused.",
            remedy="Get new ones where you got these.",
        )


def sign_in_is_fresh(facts: Facts, target: Target) -> Iterator[Finding]:
    profile = facts.profile_of(target)
    for token in facts.tokens:
        ended = token.expires_at is None or (token.expires_at <= facts.now and not token.renews)
        if not ended or token.profile != profile or _answered(facts, target):
            continue
        command = "aws sso login" if token.kind == "sso" else "aws login"
        state = (
            "is not there, or says nothing"
            if token.expires_at is None
            else f"ended {_shown(token.expires_at)}"
        )
        yield found(
            "sso-expired" if token.kind == "sso" else "login-expired",
            f"The sign-in of the profile {token.profile} has expired.",
            evidence=f"{token.path} {state}",
            consequence="There are no credentials; git-remote-codecommit ends with a traceback.",
            remedy=f"{command} {typed('--profile', token.profile)}",
        )


def nothing_beats_the_profile(facts: Facts) -> Iterator[Finding]:
    environment = facts.environment
    named = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    if any(target.profile_named for target in facts.targets):
        named = None  # a profile that is named for this URL beats the environment's key
    if named and environment.get("AWS_ACCESS_KEY_ID"):
        yield found(
            "environment-keys-win",
            f"The environment has both an access key and the profile {named}.",
            evidence=f"AWS_ACCESS_KEY_ID={environment['AWS_ACCESS_KEY_ID']}, AWS_PROFILE={named}",
            consequence="The key wins, perhaps of another account: repositories are not found, or 403.",
            remedy="unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN; or name the profile in "
            "the helper's line: moorage setup --profile NAME",
        )
    first, second = environment.get("AWS_PROFILE"), environment.get("AWS_DEFAULT_PROFILE")
    if first and second and first != second:
        yield found(
            "profiles-disagree",
            "AWS_PROFILE and AWS_DEFAULT_PROFILE name different profiles.",
            evidence=f"AWS_PROFILE={first}, AWS_DEFAULT_PROFILE={second}",
            consequence="AWS CLI v1 takes the second, v2 and moorage the first: perhaps the wrong account.",
            remedy="unset AWS_DEFAULT_PROFILE",
        )


def msys_left_the_secret_alone(facts: Facts) -> Iterator[Finding]:
    if facts.system != "windows" and not facts.environment.get("MSYSTEM"):
        return
    for name in _MAY_BE_MANGLED:
        if _MANGLED.match(facts.environment.get(name, "")):
            yield found(
                "mangled-by-msys",
                f"Git Bash has rewritten {name}: it began with a slash, and now is a path of Windows.",
                evidence=f"{name} begins with a drive letter",
                consequence="Signatures do not fit, in Git Bash only.",
                remedy=f"export MSYS2_ENV_CONV_EXCL={name}, or keep the key in ~/.aws/credentials.",
            )


def regions_agree(facts: Facts, target: Target) -> Iterator[Finding]:
    region, profile = target.url.region, facts.profile_of(target)
    environment = facts.environment
    told = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    own = told or facts.settings(profile).get("region")
    if target.url.scheme == "codecommit" and region is None and not facts.settings(profile).get("region"):
        yield found(
            "region-missing",
            f"{target.url.text} names no region, and the profile {profile} has none.",
            evidence=f"{target.where}; no region for {profile} in {facts.config.path}",
            consequence="git-remote-codecommit ends with an error.",
            remedy=typed("aws", "configure", "set", "region", "REGION", "--profile", profile)
            + ", or write codecommit::REGION://…",
        )
    elif region is not None and own and own != region:
        where = "AWS_REGION or AWS_DEFAULT_REGION" if told else f"profile {profile} in {facts.config.path}"
        yield found(
            "region-differs",
            f"The repository is in {region}; the AWS CLI works in {own}.",
            evidence=f"{target.url.text}; {where}",
            consequence="git is right, for the host decides. aws codecommit does not find the repository.",
            remedy=f"Give aws --region {region}.",
        )


def token_fits_the_helpers(facts: Facts, target: Target) -> Iterator[Finding]:
    token = next((token for _, _, token in _keys(facts, target)), "")
    version = facts.git.version if facts.git is not None else _LONG_LINES
    for helper in target.helpers:
        too_long = (helper.kind == "wincred" and len(token) + 21 > _WINCRED_USERNAME) or (
            helper.kind in {"wincred", "osxkeychain"}
            and version < _LONG_LINES
            and len(token) + len("username=%") + 20 >= _OLD_LINE_BYTES
        )
        if too_long:
            yield found(
                "token-too-long",
                f"The session token, {len(token)} characters long, is too long for {helper.entry.value}.",
                evidence=place(helper.entry),
                consequence="That helper cuts it off or fails: stale keys, and odd failures of fetches.",
                remedy="Keep that helper away from this host: its section begins with an empty `helper =`.",
                fix=fixes.own_section(facts, target, "only the helper that signs"),
            )


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
