"""Approval rules of pull requests: what a rule says, whom it means, and whether it is met."""
