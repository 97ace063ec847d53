"""IAM's policy language: reading it, deciding by it and saying why. Pure: no clock, no store, no network."""

from __future__ import annotations

from moorage.policy.access import Access, Decision
from moorage.policy.decide import decide
from moorage.policy.document import Document, NamedPolicy, PolicySet, mentions
from moorage.policy.errors import PolicyError
from moorage.policy.examine import LayerReport, Match, NearMiss, context_keys, examine
from moorage.policy.explain import explain, why
from moorage.policy.parse import parse
from moorage.policy.principals import Outsider
from moorage.policy.reasons import Explanation, account_for, text_of
from moorage.policy.statement import Statement

__all__ = [
    "Access",
    "Decision",
    "Document",
    "Explanation",
    "LayerReport",
    "Match",
    "NamedPolicy",
    "NearMiss",
    "Outsider",
    "PolicyError",
    "PolicySet",
    "Statement",
    "account_for",
    "context_keys",
    "decide",
    "examine",
    "explain",
    "mentions",
    "parse",
    "text_of",
    "why",
]
