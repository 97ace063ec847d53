"""What the tests of the credential helper ask with: a key, a moment, and Git's messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from moorage.client.credential_answer import answer, options_of

KEY = "AKIDEXAMPLE00000TEST"
SECRET = "moorage/test+Secret/Key+0123456789abcdef"
TOKEN = "FwoGZXIvYXdzEMOORAGE//////////wEaDTest+Token/With=Chars%25=="
MOMENT = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)
NOW = MOMENT.timestamp()
HOST = "git-codecommit.us-east-2.amazonaws.com"
PATH = "v1/repos/MyDemoRepo"

# Configured region, and no home: no file of the machine that runs the tests is read.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "eu-west-1",
    "HOME": "/nonexistent",
}


def message(host: str = HOST, path: str | None = PATH, protocol: str = "https", more: str = "") -> bytes:
    """Return what Git writes to a helper."""
    told = f"protocol={protocol}\nhost={host}\n{'' if path is None else f'path={path}' + chr(10)}"
    return (more + told).encode("utf-8", "surrogateescape")


def asked(
    content: bytes, *arguments: str, environment: Mapping[str, str] = ENVIRONMENT, now: float = NOW
) -> bytes:
    """Return what the helper answers to a message, with the operation `get`."""
    return answer(options_of([*arguments, "get"]), content, environment, now)


def pairs(answered: bytes) -> dict[str, str]:
    """Return an answer's lines by key; of a key told twice, the last."""
    return dict(line.split("=", 1) for line in answered.decode().splitlines())
