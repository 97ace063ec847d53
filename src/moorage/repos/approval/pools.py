"""Approval pools: which principals a rule's ApprovalPoolMembers mean.

A member has one of two forms, and `*` in either stands for any run of characters, also for none:

- `CodeCommitApprovers:ACCOUNT:NAME` means the IAM user `user/NAME`, the federated user
  `federated-user/NAME`, and, where NAME is written `ROLE/SESSION`, sessions of a role. What follows
  the kind is compared as a whole, so `Mary` is no session named Mary, while `*Mary` is.
- an ARN of `iam` or `sts`, compared as a whole. It is the only form that can mean a root user.

Nobody of another account is ever meant: both forms name one account in full.

Source: "Manage approval rules for pull requests" in the CodeCommit User Guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_APPROVERS: Final = "CodeCommitApprovers:"
_APPROVERS_FORM = re.compile(r"CodeCommitApprovers:[0-9]{12}:.+", re.DOTALL)
_ARN_FORM = re.compile(r"arn:aws(?:-cn|-us-gov)?:(?:iam|sts)::[0-9]{12}:.+", re.DOTALL)

# The kinds of principals that CodeCommitApprovers knows, as their ARNs begin after the account.
_NAMED_KINDS: Final = frozenset({("iam", "user"), ("sts", "federated-user"), ("sts", "assumed-role")})


def is_member(text: str) -> bool:
    """Tell whether a text has one of the two forms of a pool's member."""
    return bool(_APPROVERS_FORM.fullmatch(text) or _ARN_FORM.fullmatch(text))


def means(member: str, arn: str) -> bool:
    """Tell whether a pool's member means the principal of that ARN."""
    if not member.startswith(_APPROVERS):
        return has_pattern(arn, member)  # a star comes after the account only: see _ARN_FORM
    named = _named(arn)
    if named is None:
        return False
    account, name = named
    _, member_account, pattern = member.split(":", 2)
    return member_account == account and has_pattern(name, pattern)


def in_pool(pool: Iterable[str], arn: str) -> bool:
    """Tell whether any member of a pool means the principal of that ARN."""
    return any(means(member, arn) for member in pool)


def has_pattern(text: str, pattern: str) -> bool:
    """Tell whether a whole text is as a pattern says, in which `*` stands for any run of characters."""
    if "*" not in pattern:
        return text == pattern
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Atomic groups: each run takes the nearest next literal and never gives it back, so that a
    # pattern of many stars costs no more than one of few.
    first, *rest = (re.escape(part) for part in re.sub(r"\*+", "*", pattern).split("*"))
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}", re.DOTALL)


def _named(arn: str) -> tuple[str, str] | None:
    """Return the account and the name of a principal, as CodeCommitApprovers names it."""
    _, _, service, _, account, resource = arn.split(":", 5)
    kind, slash, name = resource.partition("/")
    return (account, name) if slash and (service, kind) in _NAMED_KINDS else None
