"""What a handler is given: who calls, and all that it may work with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from moorage.auth.web_identity_fetch import Fetcher
from moorage.auth.web_identity_keys import IssuerKeys
from moorage.core.principal import Caller
from moorage.repos.trigger_messages import NoSender, TriggerSender
from moorage.storage.identifiers import Entropy

if TYPE_CHECKING:
    from moorage.auth.gate import Gate
    from moorage.crypto.root_key import RootKey
    from moorage.keys.keyring import Keyring
    from moorage.repos.opened import Opener
    from moorage.repos.publish import Publisher
    from moorage.repos.repositories import Repositories
    from moorage.storage.database import Database
    from moorage.wire.regions import Regions


PUBLIC_ISSUERS = IssuerKeys(Fetcher())
NO_SENDER = NoSender()


class CloneUrls(Protocol):
    """Says where a repository is cloned from. Made from settings, never from a request's Host."""

    def https(self, region: str, name: str) -> str: ...

    def ssh(self, region: str, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, or one console page's use of a handler.

    Everything but `caller` is the same for all calls a node serves: build one at start-up and use
    `dataclasses.replace(call, caller=…)` for each request.
    """

    caller: Caller
    database: Database
    root_key: RootKey
    gate: Gate
    regions: Regions
    repositories: Repositories
    opener: Opener
    publisher: Publisher
    keyring: Keyring
    clone_urls: CloneUrls
    entropy: Entropy = secrets.token_bytes
    # Asks OpenID Connect issuers for their keys; the default reaches public addresses alone.
    issuer_keys: IssuerKeys = PUBLIC_ISSUERS
    # Sends what a trigger's test sends; the default says that nothing can be sent.
    triggers: TriggerSender = NO_SENDER
