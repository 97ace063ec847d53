"""IAM's policy language: reading it, deciding by it and saying why. Pure: no clock, no store, no network."""

from __future__ import annotations

from moorage.policy.access import Access, Decision
from moorage.policy.decide import decide
from moorage.policy.document import Document, NamedPolicy, PolicySet, Statement, mentions
from moorage.policy.errors import PolicyError
from moorage.policy.examine import LayerReport, Match, NearMiss, context_keys, examine, matching
from moorage.policy.explain import explain, why
from moorage.policy.parse import parse
from moorage.policy.principals import Outsider

__all__ = [
    "Access",
    "Decision",
    "Document",
    "LayerReport",
    "Match",
    "NamedPolicy",
    "NearMiss",
    "Outsider",
    "PolicyError",
    "PolicySet",
    "Statement",
    "context_keys",
    "decide",
    "examine",
    "explain",
    "matching",
    "mentions",
    "parse",
    "why",
]
