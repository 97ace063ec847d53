"""IAM: users, access keys, groups and policies. Importing it registers the operations."""

from __future__ import annotations

from moorage.services.iam import (
    access_keys,
    attached_policies,
    boundaries,
    groups,
    inline_policies,
    login_profiles,
    mfa_devices,
    owner_tags,
    password_policy,
    policies,
    policy_entities,
    policy_versions,
    service_credentials,
    simulate,
    ssh_keys,
    users,
)
from moorage.services.iam.service import iam

__all__ = [
    "access_keys",
    "attached_policies",
    "boundaries",
    "groups",
    "iam",
    "inline_policies",
    "login_profiles",
    "mfa_devices",
    "owner_tags",
    "password_policy",
    "policies",
    "policy_entities",
    "policy_versions",
    "service_credentials",
    "simulate",
    "ssh_keys",
    "users",
]
