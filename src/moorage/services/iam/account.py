"""The account as a whole: the alias it goes by, and how much of everything it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from moorage.core.faults import Fault
from moorage.services.iam import quotas
from moorage.services.iam.changes import change, now_ms
from moorage.services.iam.pages import itself, paged
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import (
    access_keys,
    account_aliases,
    account_counts,
    groups,
    instance_profiles,
    login_profiles,
    mfa_devices,
    policies,
    roles,
    users,
)
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call


def of_account(call: Call, request: Request) -> list[Target]:
    """The rule of what concerns the account as a whole."""
    del call, request
    return [Target("*")]


@iam.operation("CreateAccountAlias", resource=of_account)
def create_account_alias(call: Call, request: Request) -> None:
    """Name the account, in place of its older alias if it has one."""
    alias = request["AccountAlias"]
    with change(call, "CreateAccountAlias") as connection:
        if not account_aliases.put(connection, call.caller.account_id, alias, now_ms=now_ms(call)):
            message = f"The account alias {alias} already exists."
            raise Fault("EntityAlreadyExists", message, status=409)


@iam.operation("DeleteAccountAlias", resource=of_account)
def delete_account_alias(call: Call, request: Request) -> None:
    alias = request["AccountAlias"]
    with change(call, "DeleteAccountAlias") as connection:
        if not account_aliases.remove(connection, call.caller.account_id, alias):
            message = f"The Account Alias with name {alias} cannot be found."
            raise Fault("NoSuchEntity", message, status=404)


@iam.operation("ListAccountAliases", resource=of_account)
def list_account_aliases(call: Call, request: Request) -> Answer:
    with call.database.read() as connection:
        alias = account_aliases.of_account(connection, call.caller.account_id)
    found = [] if alias is None else [alias]
    return paged(call, "ListAccountAliases", request, "AccountAliases", found, key=itself, shown=itself)


@iam.operation("GetAccountSummary", resource=of_account)
def get_account_summary(call: Call, request: Request) -> Answer:
    """Return counts and quotas: those that are enforced here, under AWS's names for them."""
    del request
    with call.database.read() as connection:
        counts = _counts(connection, call.caller.account_id)
    return {"SummaryMap": {**counts, **_QUOTAS}}


def _counts(connection: Connection, account_id: str) -> dict[str, int]:
    devices = mfa_devices.listing(connection, account_id)
    return {
        "Users": users.count(connection, account_id),
        "Groups": groups.count(connection, account_id),
        "Roles": roles.count(connection, account_id),
        "Policies": policies.count(connection, account_id),
        "PolicyVersionsInUse": account_counts.policy_versions(connection, account_id),
        "InstanceProfiles": instance_profiles.count(connection, account_id),
        "Providers": account_counts.providers(connection, account_id),
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(device.owner_id is not None for device in devices),
        "AccountMFAEnabled": int(any(device.owner_id == account_id for device in devices)),
        "AccountAccessKeysPresent": int(bool(access_keys.of_owner(connection, account_id, None))),
        "AccountPasswordPresent": int(login_profiles.find(connection, account_id) is not None),
        "AccountSigningCertificatesPresent": 0,
        "ServerCertificates": 0,
    }


# Certificates are not kept here, so none may be made. Version 2 tokens are good in every region.
_QUOTAS = {
    "UsersQuota": quotas.USERS_PER_ACCOUNT,
    "GroupsQuota": quotas.GROUPS_PER_ACCOUNT,
    "RolesQuota": quotas.ROLES_PER_ACCOUNT,
    "PoliciesQuota": quotas.POLICIES_PER_ACCOUNT,
    "PolicyVersionsInUseQuota": quotas.POLICIES_PER_ACCOUNT * quotas.VERSIONS_PER_POLICY,
    "VersionsPerPolicyQuota": quotas.VERSIONS_PER_POLICY,
    "InstanceProfilesQuota": quotas.INSTANCE_PROFILES_PER_ACCOUNT,
    "GroupsPerUserQuota": quotas.GROUPS_PER_USER,
    "AccessKeysPerUserQuota": quotas.ACCESS_KEYS_PER_USER,
    "AttachedPoliciesPerUserQuota": quotas.POLICIES_PER_USER,
    "AttachedPoliciesPerGroupQuota": quotas.POLICIES_PER_GROUP,
    "AttachedPoliciesPerRoleQuota": quotas.POLICIES_PER_ROLE,
    "PolicySizeQuota": quotas.MANAGED_POLICY_SIZE,
    "UserPolicySizeQuota": quotas.USER_INLINE_SIZE,
    "GroupPolicySizeQuota": quotas.GROUP_INLINE_SIZE,
    "RolePolicySizeQuota": quotas.ROLE_INLINE_SIZE,
    "AssumeRolePolicySizeQuota": quotas.TRUST_POLICY_SIZE,
    "SigningCertificatesPerUserQuota": 0,
    "ServerCertificatesQuota": 0,
    "GlobalEndpointTokenVersion": 2,
}
