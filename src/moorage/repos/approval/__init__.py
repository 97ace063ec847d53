"""Approval rules of pull requests: what a rule says, whom it means, and whether it is met."""

from moorage.repos.approval.evaluation import Evaluation
from moorage.repos.approval.judging import evaluate, on_created

__all__ = ["Evaluation", "evaluate", "on_created"]
