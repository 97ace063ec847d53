"""A request as it came over the wire, as far as a signature covers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came over the wire, as far as a signature covers it.

    Path, query string and header values are undecoded but for UTF-8 with `surrogateescape`. Bodies
    are hashed once, by whoever reads them.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: tuple[tuple[str, str], ...]
    body_sha256: str

    @classmethod
    def of(
        cls,
        method: str,
        raw_path: bytes,
        raw_query: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes | str,
    ) -> SignedRequest:
        """Return a request from what ASGI gives; `body` is its bytes or their SHA-256 in hex."""
        return cls(
            method,
            _text(raw_path),
            _text(raw_query),
            tuple((_text(name).lower(), _text(value)) for name, value in headers),
            body if isinstance(body, str) else hashlib.sha256(body).hexdigest(),
        )

    def values(self, name: str) -> list[str]:
        """Return the values of a header, by its lower-case name."""
        return [value for header, value in self.headers if header.lower() == name]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
