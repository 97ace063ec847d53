"""STS: who am I, and may I be somebody else for a while? Importing it registers the operations."""

from __future__ import annotations

from moorage.services.sts import assume_role, identity, own_sessions, refusals_decoded, saml, web_identity
from moorage.services.sts.service import sts

__all__ = ["assume_role", "identity", "own_sessions", "refusals_decoded", "saml", "sts", "web_identity"]
