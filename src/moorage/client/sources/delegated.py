"""What the standard library cannot do: asked of the AWS CLI, else of botocore, in a process of its own.

Neither is imported here, and neither is guessed at: without them the person is told what to run.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from moorage.client.sources import Credentials, NoCredentials, process
from moorage.client.sources.told import one_line

if TYPE_CHECKING:
    from moorage.client.sources import Asked

SECONDS = 60

_BOTOCORE = """
import json, sys
from botocore.session import Session
found = Session(profile=sys.argv[1]).get_credentials().get_frozen_credentials()
print(json.dumps({"Version": 1, "AccessKeyId": found.access_key, "SecretAccessKey": found.secret_key,
                  "SessionToken": found.token}))
"""


def credentials(asked: Asked, why: str, remedy: str) -> Credentials:
    """Return what the AWS CLI, or botocore beside this package, finds for the profile.

    `why` and `remedy` make the line of an error, around the reason of the program that failed.

    Raises:
        NoCredentials: neither is there, or neither has an answer.
    """
    reason = "there is no AWS CLI that could do it"
    for words in _commands(asked):
        told = f"{one_line(os.path.basename(words[0]), 40)}"  # noqa: PTH119  # a text, not a path
        try:
            printed = process.output(words, asked.environment, told, SECONDS)
            return process.from_answer(process.parsed(printed, told), told, asked.now)
        except NoCredentials as error:
            reason = str(error)
    raise NoCredentials(f"{why}, and {reason}: {remedy}")


def _commands(asked: Asked) -> list[list[str]]:
    commands = []
    aws = process.program("aws", asked.environment)
    if aws is not None:
        commands.append([aws, "configure", "export-credentials", "--profile", asked.profile])
    if _has_botocore():
        # -P: git runs in folders of other people, whose modules must not be taken for botocore's.
        commands.append([sys.executable, "-P", "-c", _BOTOCORE, asked.profile])
    return commands


def _has_botocore() -> bool:
    """Tell whether botocore is installed beside this package: the helper runs without site packages."""
    here = os.path.abspath(__file__)  # noqa: PTH100
    packages = os.path.join(here.rpartition(os.path.join("moorage", "client"))[0], "botocore")  # noqa: PTH118
    return os.path.isdir(packages)  # noqa: PTH112
