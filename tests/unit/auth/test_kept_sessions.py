from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from identities_at_hand import NOW, Installation
from moorage.auth import key_holders, sessions
from moorage.auth.key_holders import Holder, KeyHolders
from sessions_at_hand import Sessions, trusting


def test_sessions_in_use_are_kept_within_a_bound_and_those_dropped_still_open(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_holders, "KEPT_SESSIONS", 3)
    role = Sessions(installation).role("worker", trusting("*"))
    holders = KeyHolders(installation.database, installation.root_key)
    opened = [
        sessions.open_role_session(
            installation.root_key,
            secrets.token_bytes,
            role,
            partition="aws",
            name=f"session-{number}",
            now=NOW,
            seconds=3_600,
        ).credentials
        for number in range(8)
    ]
    for credentials in (*opened, *opened):
        found = holders.find(credentials.access_key_id, credentials.session_token, NOW + timedelta(seconds=1))
        assert isinstance(found, Holder)
        assert found.secret.reveal() == credentials.secret.reveal()
        assert len(holders._tokens) <= 3
        assert len(holders._sessions) <= 3
