"""STS: who am I, and whose key is this? Importing it registers the operations."""

from __future__ import annotations

from moorage.services.sts import identity
from moorage.services.sts.service import sts

__all__ = ["identity", "sts"]
