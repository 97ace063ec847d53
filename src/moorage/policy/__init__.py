"""IAM's policy language: reading it, deciding by it and saying why. Pure: no clock, no store, no network."""

from __future__ import annotations

from moorage.policy.access import Access, Decision
from moorage.policy.decide import decide
from moorage.policy.document import Document, NamedPolicy, PolicySet, Statement, mentions
from moorage.policy.errors import PolicyError
from moorage.policy.explain import explain, why
from moorage.policy.parse import parse
from moorage.policy.principals import Outsider

__all__ = [
    "Access",
    "Decision",
    "Document",
    "NamedPolicy",
    "Outsider",
    "PolicyError",
    "PolicySet",
    "Statement",
    "decide",
    "explain",
    "mentions",
    "parse",
    "why",
]
