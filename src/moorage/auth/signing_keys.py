"""Signing keys, derived once a day for each access key, region and service."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from moorage.core import sigv4

if TYPE_CHECKING:
    from moorage.core.secrets import Secret

# A Git password tried in all 29 regions fills 29 places: room for 5,000 principals' own regions and
# for some hundreds of searches. An entry is about 400 bytes.
KEPT = 16_384


class SigningKeys:
    """A bounded cache of signing keys; the least recently used goes first. Safe among threads.

    Entries are found by the access key and a keyed digest of the secret: a replaced secret is a miss,
    and no secret is kept.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._digest_key = secrets.token_bytes(32)
        self._keys: OrderedDict[tuple[str, bytes, str, str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def derive(self, access_key_id: str, secret: Secret, date: str, region: str, service: str) -> bytes:
        """Return the signing key of a day (YYYYMMDD), region and service."""
        revealed = secret.reveal()
        digest = hashlib.blake2b(sigv4.encode(revealed), key=self._digest_key, digest_size=16).digest()
        place = (access_key_id, digest, date, region, service)
        with self._lock:
            key = self._keys.get(place)
            if key is not None:
                self._keys.move_to_end(place)
                return key
        key = sigv4.signing_key(revealed, date, region, service)
        with self._lock:
            self._keys[place] = key
            while len(self._keys) > self._kept:
                self._keys.popitem(last=False)
        return key

    def __len__(self) -> int:
        return len(self._keys)
