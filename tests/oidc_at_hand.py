"""An OpenID Connect issuer of a test's own: its keys, its documents, its tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from joserfc import jwk, jws, jwt

from moorage.auth.web_identity_fetch import Document, FetchFailed

ISSUER = "https://issuer.example.org/main"
CLIENT = "moorage-users"


@cache
def rsa_key(name: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@cache
def ec_key(name: str) -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": name, "use": "sig"})


@dataclass
class Issuer:
    """Gives out its documents as `Fetcher` would, and counts who asks."""

    url: str = ISSUER
    keys: list[Any] = field(default_factory=lambda: [rsa_key("one")])
    max_age: int | None = None
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def fetch(self, url: str, thumbprints: Sequence[str]) -> Document:
        del thumbprints
        self.asked.append(url)
        if self.down:
            raise FetchFailed("down")
        return Document(json.dumps(self.documents()[url]).encode(), self.max_age)

    def documents(self) -> dict[str, dict[str, Any]]:
        return {
            f"{self.url}/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
            },
            f"{self.url}/keys": {"keys": [key.as_dict(private=False) for key in self.keys]},
        }

    def token(self, now: datetime, *, key: Any = None, algorithm: str = "RS256", **claims: object) -> str:
        """Return a token good for five minutes; a claim of None is left out."""
        key = key or self.keys[0]
        seconds = int(now.timestamp())
        said: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "mary-4711",
            "iat": seconds,
            "exp": seconds + 300,
            **claims,
        }
        header = {"alg": algorithm, **({"kid": key.get("kid")} if key.get("kid") else {})}
        kept = {name: value for name, value in said.items() if value is not None}
        made: str = jwt.encode(header, kept, key, algorithms=[algorithm])
        return made

    def token_of(self, payload: str) -> str:
        """Return a token of that very payload, which need be no JSON, truly signed with RS256."""
        key = self.keys[0]
        header = {"alg": "RS256", "kid": key.get("kid")}
        made: str = jws.serialize_compact(header, payload.encode(), key, algorithms=["RS256"])
        return made
