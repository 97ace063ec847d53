"""Keys in the files of programs before the AWS CLI: the EC2 tools' file, and boto's configuration.

Source: botocore's OriginalEC2Provider and BotoProvider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.client import aws_files
from moorage.client.sources import Credentials, NoCredentials, cache
from moorage.client.sources.told import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.client.sources import Asked

EC2_VARIABLE, BOTO_VARIABLE = "AWS_CREDENTIAL_FILE", "BOTO_CONFIG"
BOTO_FILES = ("/etc/boto.cfg", "~/.boto")


def credentials(asked: Asked) -> Credentials | None:
    """Return the key of the first such file that has one.

    Raises:
        NoCredentials: a file that is named is not there, or has one half of a key.
    """
    return _of_ec2_tools(asked.environment) or _of_boto(asked.environment)


def _of_ec2_tools(environment: Mapping[str, str]) -> Credentials | None:
    if EC2_VARIABLE not in environment:
        return None
    path = aws_files.expanded(environment[EC2_VARIABLE], environment)
    content = cache.read_bounded(path)
    if content is None:
        raise NoCredentials(f"{EC2_VARIABLE} names {one_line(path)}, which cannot be read")
    pairs = [line.partition("=") for line in content.decode(errors="replace").splitlines() if "=" in line]
    values = {key.strip(): value.strip() for key, _, value in pairs}
    return _key(values, "AWSAccessKeyId", "AWSSecretKey", path)


def _of_boto(environment: Mapping[str, str]) -> Credentials | None:
    named = environment.get(BOTO_VARIABLE)
    for name in BOTO_FILES if named is None else (named,):
        path = aws_files.expanded(name, environment)
        try:
            values = aws_files.read(path).get("Credentials", {})
        except aws_files.Unreadable as error:
            raise NoCredentials(str(error)) from None
        ours = _key(values, "aws_access_key_id", "aws_secret_access_key", path)
        if ours is not None:
            return ours
    return None


def _key(values: Mapping[str, str], access_key: str, secret_key: str, path: str) -> Credentials | None:
    if access_key not in values:
        return None
    if not values[access_key] or not values.get(secret_key):
        raise NoCredentials(f"{one_line(path)} has only one half of a key: it needs {secret_key} as well")
    return Credentials(values[access_key], values[secret_key], None, None, path)
