"""IAM's quotas (service.md section 4), each as AWS names it in its LimitExceeded message."""

from __future__ import annotations

from moorage.core.faults import Fault

USERS_PER_ACCOUNT = 5_000
GROUPS_PER_ACCOUNT = 300
ROLES_PER_ACCOUNT = 1_000
INSTANCE_PROFILES_PER_ACCOUNT = 1_000
POLICIES_PER_ACCOUNT = 1_500
GROUPS_PER_USER = 10
ACCESS_KEYS_PER_USER = 2
SERVICE_CREDENTIALS_PER_USER = 2  # for each service
SSH_KEYS_PER_USER = 5
MFA_DEVICES_PER_USER = 8
POLICIES_PER_USER = 10
POLICIES_PER_GROUP = 10
POLICIES_PER_ROLE = 10
VERSIONS_PER_POLICY = 5
TAGS_PER_RESOURCE = 50

# In characters; white space does not count.
MANAGED_POLICY_SIZE = 6_144
USER_INLINE_SIZE = 2_048  # of all inline policies of one user together
GROUP_INLINE_SIZE = 5_120
ROLE_INLINE_SIZE = 10_240
TRUST_POLICY_SIZE = 2_048


def require_room(quota: str, limit: int, used: int, more: int = 1) -> None:
    """Refuse what would go beyond a quota.

    Raises:
        Fault: LimitExceeded.
    """
    if used + more > limit:
        raise limit_exceeded(f"Cannot exceed quota for {quota}: {limit}")


def limit_exceeded(message: str) -> Fault:
    """Return the refusal for a quota, in other words than the usual ones."""
    return Fault("LimitExceeded", message, status=409)
