"""Why a store cannot be used at all: told to the operator, never to a caller."""

from __future__ import annotations


class StorageRefused(Exception):
    """The database or the blob store must not be served from; the text says why and what to do."""
