"""A home with AWS's files, whose every source of credentials is a pretended AWS on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage.client.sources import Asked, Credentials, NoCredentials, cache, resolve
from pretended_aws import PretendedAws

NOW = 1_900_000_000.0  # 2030-03-17T17:46:40Z, before pretended_aws.FAR
REGION = "eu-west-1"


class Home:
    """Files under HOME, and the environment that a command sees."""

    def __init__(self, folder: Path, aws: PretendedAws) -> None:
        self.folder, self.aws = folder, aws
        (folder / ".aws").mkdir(parents=True)
        self.environment = {
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "BOTO_CONFIG": str(folder / "none"),
        }

    def config(self, text: str) -> None:
        (self.folder / ".aws" / "config").write_text(text)

    def cache_file(self, key: str, *folder: str) -> Path:
        return self.folder.joinpath(".aws", *folder, f"{key}.json")

    def keep(self, key: str, value: Mapping[str, object], *folder: str) -> Path:
        path = self.cache_file(key, *folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return path

    def asked(self, profile: str | None = None, now: float = NOW) -> Asked:
        return Asked(self.environment, profile, now)

    def key(self, profile: str | None = None, now: float = NOW) -> Credentials:
        return resolve(self.environment, profile, now)

    def why_not(self, profile: str | None = None, now: float = NOW) -> str:
        """Return the one line that tells why there are no credentials."""
        with pytest.raises(NoCredentials) as refusal:
            resolve(self.environment, profile, now)
        told = str(refusal.value)
        assert told.isprintable(), repr(told)
        return told


@contextmanager
def variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Give this process that environment: botocore reads no other."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def in_seconds(seconds: float) -> str:
    return cache.written(NOW + seconds)
