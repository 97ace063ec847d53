"""What the caches of `aws sso login` and `aws login` say, for the profiles that are in use.

Source: botocore's `tokens` and `credentials` modules, for the names and contents of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from moorage.client import aws_files
from moorage.client.doctor.facts import AwsFile, LoginToken
from moorage.client.machine import Machine


def read(
    machine: Machine, config: AwsFile, credentials: AwsFile, profiles: Iterable[str]
) -> Iterator[LoginToken]:
    """Yield the state of each profile that signs in by a browser."""
    of_config = aws_files.profiles_of(config.sections)
    aws = Path(aws_files.home(machine.environment) or machine.home) / ".aws"
    for profile in sorted(profiles):
        settings = {**of_config.get(profile, {}), **credentials.sections.get(profile, {})}
        name = settings.get("sso_session") or settings.get("sso_start_url")
        if name:
            # A cache's name is no secret and guards none: it is how botocore finds the file.
            key = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
            yield _token(machine, profile, "sso", aws / "sso" / "cache" / f"{key}.json")
        login = settings.get("login_session")
        if login:
            folder = machine.environment.get("AWS_LOGIN_CACHE_DIRECTORY") or str(aws / "login" / "cache")
            key = hashlib.sha256(login.encode()).hexdigest()
            yield _token(machine, profile, "login", Path(folder) / f"{key}.json")


def _token(machine: Machine, profile: str, kind: str, path: Path) -> LoginToken:
    try:
        told = json.loads(machine.read(path) or "{}")
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    inner = told.get("accessToken")
    ends = told.get("expiresAt") or (inner.get("expiresAt") if isinstance(inner, dict) else None)
    return LoginToken(profile, kind, str(path), moment(ends), _renews(told))


def _renews(told: Mapping[str, object]) -> bool:
    return bool(told.get("refreshToken"))


def moment(text: object) -> float | None:
    """Return the Unix time that a text such as 2026-11-25T09:30:00Z names; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        told = datetime.fromisoformat(text.replace("UTC", "+00:00"))
    except ValueError:
        return None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
