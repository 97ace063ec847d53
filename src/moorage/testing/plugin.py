"""The pytest plugin `moorage`."""

from __future__ import annotations
