"""Every table, as SQLAlchemy Core knows it. Migrations make them; a test holds the two together.

Times are Unix milliseconds, UTC. Identifiers are text. Names of an account's things are unique
within that account (and region, where the thing has one).
"""

from __future__ import annotations

from moorage.storage.tables.conversations import comments, reactions, request_tokens
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
from moorage.storage.tables.events import audit, deliveries, outbox, repository_triggers
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
from moorage.storage.tables.pull_requests import (
    approval_overrides,
    approval_rule_template_repositories,
    approval_rule_templates,
    approval_rules,
    approvals,
    merge_commits,
    pull_request_events,
    pull_request_numbers,
    pull_request_revisions,
    pull_requests,
)
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
    "approval_overrides",
    "approval_rule_template_repositories",
    "approval_rule_templates",
    "approval_rules",
    "approvals",
    "attached_policies",
    "audit",
    "comments",
    "credential_reports",
    "deleted_repositories",
    "deliveries",
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
    "merge_commits",
    "metadata",
    "mfa_devices",
    "oidc_providers",
    "old_passwords",
    "outbox",
    "packs",
    "password_policies",
    "policies",
    "policy_versions",
    "pull_request_events",
    "pull_request_numbers",
    "pull_request_revisions",
    "pull_requests",
    "push_grace",
    "reactions",
    "ref_log",
    "refs",
    "repositories",
    "repository_tags",
    "repository_triggers",
    "request_tokens",
    "roles",
    "saml_providers",
    "service_credentials",
    "ssh_keys",
    "users",
]
