"""IAM's refusals, in AWS's words: tools look for them in these."""

from __future__ import annotations

from moorage.core.faults import ACCESS_DENIED, Fault


def no_such_user(name: str) -> Fault:
    return _no_such(f"The user with name {name} cannot be found.")


def no_such_group(name: str) -> Fault:
    return _no_such(f"The group with name {name} cannot be found.")


def no_such_principal(arn: str) -> Fault:
    return _no_such(f"The user, group or role with ARN {arn} cannot be found.")


def no_such_role(name: str) -> Fault:
    return _no_such(f"The role with name {name} cannot be found.")


def no_such_instance_profile(name: str) -> Fault:
    return _no_such(f"Instance Profile {name} cannot be found.")


def no_such_deletion_task(task: str) -> Fault:
    return _no_such(f"The deletion task {task} cannot be found.")


def no_such_access_key(key_id: str) -> Fault:
    return _no_such(f"The Access Key with id {key_id} cannot be found.")


def no_such_policy(arn: str) -> Fault:
    return _no_such(f"Policy {arn} was not found.")


def no_such_version(arn: str, version: str) -> Fault:
    return _no_such(f"Policy {arn} version {version} does not exist or is not attachable.")


def not_attachable(arn: str) -> Fault:
    return _no_such(f"Policy {arn} does not exist or is not attachable.")


def no_such_inline_policy(kind: str, name: str) -> Fault:
    return _no_such(f"The {kind} policy with name {name} cannot be found.")


def no_such_member(user: str, group: str) -> Fault:
    return _no_such(f"The user with name {user} is not in the group {group}.")


def role_not_in_profile(role: str, profile: str) -> Fault:
    return _no_such(f"The role with name {role} is not in the instance profile {profile}.")


def no_boundary(kind: str, name: str) -> Fault:
    return _no_such(f"The {kind} with name {name} has no permissions boundary.")


def no_such_oidc_provider(arn: str) -> Fault:
    return _no_such(f"OpenIDConnect Provider not found for arn {arn}")


def no_such_saml_provider(arn: str) -> Fault:
    return _no_such(f"Manifest not found for arn {arn}")


def _no_such(message: str) -> Fault:
    return Fault("NoSuchEntity", message, status=404)


def name_taken(kind: str, name: str) -> Fault:
    """The refusal for a name that another of its kind has already, whatever its case."""
    return Fault("EntityAlreadyExists", f"{kind} with name {name} already exists.", status=409)


def instance_profile_taken(name: str) -> Fault:
    return Fault("EntityAlreadyExists", f"Instance Profile {name} already exists.", status=409)


def oidc_provider_taken(url: str) -> Fault:
    return Fault("EntityAlreadyExists", f"Provider with url {url} already exists.", status=409)


def policy_name_taken(name: str) -> Fault:
    message = f"A policy called {name} already exists. Duplicate names are not allowed."
    return Fault("EntityAlreadyExists", message, status=409)


def must_first(deed: str) -> Fault:
    """The refusal to delete what something still hangs on."""
    return delete_conflict(f"Cannot delete entity, must {deed} first.")


def delete_conflict(message: str) -> Fault:
    return Fault("DeleteConflict", message, status=409)


def invalid_input(message: str) -> Fault:
    return Fault("InvalidInput", message)


def invalid_arn(arn: str) -> Fault:
    return invalid_input(f"ARN {arn} is not valid.")


def aws_managed(arn: str) -> Fault:
    return Fault(ACCESS_DENIED, f"{arn} is managed by AWS and cannot be changed.", status=403)


def protected_role(name: str) -> Fault:
    """The refusal to change a role that a service made for itself."""
    message = (
        f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    )
    return Fault("UnmodifiableEntity", message)


def invalid_principal(name: str) -> Fault:
    """The refusal of a trust policy that names somebody who does not exist."""
    return malformed_policy(f'Invalid principal in policy: "AWS":"{name}"')


def malformed_policy(message: str) -> Fault:
    return Fault("MalformedPolicyDocument", message)
