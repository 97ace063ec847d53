"""Every table, as SQLAlchemy Core knows it. Migrations make them; a test holds the two together.

Times are Unix milliseconds, UTC. Identifiers are text. Names of an account's things are unique
within that account (and region, where the thing has one).
"""

from __future__ import annotations

from moorage.storage.tables.credentials import (
    account_aliases,
    credential_reports,
    login_profiles,
    mfa_devices,
    old_passwords,
    password_policies,
    service_credentials,
    ssh_keys,
)
from moorage.storage.tables.events import audit, outbox
from moorage.storage.tables.identities import (
    access_keys,
    accounts,
    attached_policies,
    group_members,
    groups,
    identity_tags,
    inline_policies,
    policies,
    policy_versions,
    users,
)
from moorage.storage.tables.installation import installation, leases
from moorage.storage.tables.kms import kms_aliases, kms_grants, kms_keys, kms_old_materials, kms_tags
from moorage.storage.tables.metadata import metadata
from moorage.storage.tables.repositories import (
    deleted_repositories,
    packs,
    push_grace,
    ref_log,
    refs,
    repositories,
    repository_tags,
)
from moorage.storage.tables.roles import instance_profiles, oidc_providers, roles, saml_providers

__all__ = [
    "access_keys",
    "account_aliases",
    "accounts",
    "attached_policies",
    "audit",
    "credential_reports",
    "deleted_repositories",
    "group_members",
    "groups",
    "identity_tags",
    "inline_policies",
    "installation",
    "instance_profiles",
    "kms_aliases",
    "kms_grants",
    "kms_keys",
    "kms_old_materials",
    "kms_tags",
    "leases",
    "login_profiles",
    "metadata",
    "mfa_devices",
    "oidc_providers",
    "old_passwords",
    "outbox",
    "packs",
    "password_policies",
    "policies",
    "policy_versions",
    "push_grace",
    "ref_log",
    "refs",
    "repositories",
    "repository_tags",
    "roles",
    "saml_providers",
    "service_credentials",
    "ssh_keys",
    "users",
]
