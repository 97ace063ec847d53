"""Ways up: from few rights to many, each test named for the hole that it looks for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from attacker import Key
from e2e.attacks.conftest import Victims
from service_process import ACCOUNT, Service

ROLES = f"arn:aws:iam::{ACCOUNT}:role/"
USERS = f"arn:aws:iam::{ACCOUNT}:user/"
POLICIES = f"arn:aws:iam::{ACCOUNT}:policy/"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
REFUSED = {"AccessDenied", "AccessDeniedException", "ValidationError", "InvalidClientTokenId", "NoSuchEntity"}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def trust(principal: Mapping[str, str], **more: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


@dataclass
class Scene:
    """An account with a strong role, and people with few rights who want it."""

    service: Service
    climber: Key  # rules over its own user, and may hand roles to machines, but pass none
    builder: Key  # may create users with a boundary alone
    traveller: Key  # may assume the middle role

    def client(self, name: str, key: Key, token: str | None = None) -> Any:
        return boto3.client(
            name,
            region_name="us-east-2",
            endpoint_url=self.service.endpoint,
            verify=str(self.service.ca),
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    def session(self, name: str, credentials: Mapping[str, str]) -> Any:
        key = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        return self.client(name, key, credentials["SessionToken"])

    def assumed(self, key: Key, role: str, **more: Any) -> Mapping[str, str]:
        answer = self.client("sts", key).assume_role(RoleArn=ROLES + role, RoleSessionName="climb", **more)
        made: Mapping[str, str] = answer["Credentials"]
        return made


@pytest.fixture(scope="module")
def scene(service: Service, victims: Victims) -> Scene:
    del victims  # made first, so that what it changes is not taken for ours
    iam = service.client("iam")

    def user(name: str, *statements: Mapping[str, Any]) -> Key:
        key = service.create_user(name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document(*statements))
        return key

    own = USERS + "${aws:username}"
    boundary = {"StringEquals": {"iam:PermissionsBoundary": POLICIES + "fence"}}
    iam.create_policy(PolicyName="fence", PolicyDocument=document(allow("codecommit:*", "iam:*", "sts:*")))
    keys = Scene(
        service,
        climber=user(
            "climber",
            allow("iam:*AccessKey*", "iam:GetUser", "iam:*LoginProfile", "iam:UpdateUser", resource=own),
            allow("iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "sts:GetFederationToken"),
            allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ecs.amazonaws.com"}}),
        ),
        builder=user(
            "builder",
            allow(
                "iam:CreateUser", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary", Condition=boundary
            ),
        ),
        traveller=user("traveller", allow("sts:AssumeRole", resource=ROLES + "middle")),
    )
    machines = {"Service": "ec2.amazonaws.com"}
    iam.create_role(RoleName="strong", AssumeRolePolicyDocument=trust(machines))
    iam.attach_role_policy(RoleName="strong", PolicyArn=ADMINISTRATOR)
    iam.create_role(
        RoleName="middle", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}), MaxSessionDuration=43_200
    )
    rights = document(allow("sts:AssumeRole", "codecommit:ListRepositories"))
    iam.put_role_policy(RoleName="middle", PolicyName="rights", PolicyDocument=rights)
    iam.create_role(
        RoleName="next",
        AssumeRolePolicyDocument=trust({"AWS": ROLES + "middle"}),
        MaxSessionDuration=43_200,
    )
    iam.create_role(
        RoleName="vendor",
        AssumeRolePolicyDocument=trust(
            {"AWS": ACCOUNT}, Condition={"StringEquals": {"sts:ExternalId": "ours"}}
        ),
    )
    iam.create_instance_profile(InstanceProfileName="machine")
    return keys


def refused(call: Callable[..., Any], **request: Any) -> str:
    """Make a call that must be refused; return the code."""
    with pytest.raises(ClientError) as error:
        call(**request)
    code: str = error.value.response["Error"]["Code"]
    assert code in REFUSED, error.value
    return code


EVERYONE = trust({"AWS": "*"})
ALL = document(allow("*"))
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "trust oneself": ("update_assume_role_policy", {"RoleName": "strong", "PolicyDocument": EVERYONE}),
    "attach to oneself": ("attach_user_policy", {"UserName": "climber", "PolicyArn": ADMINISTRATOR}),
    "write to oneself": (
        "put_user_policy",
        {"UserName": "climber", "PolicyName": "x", "PolicyDocument": ALL},
    ),
    "write to a role": ("put_role_policy", {"RoleName": "middle", "PolicyName": "x", "PolicyDocument": ALL}),
    "join a group": ("add_user_to_group", {"UserName": "climber", "GroupName": "admins"}),
    "a key of another": ("create_access_key", {"UserName": "reader"}),
    "a key by another case": ("create_access_key", {"UserName": "READER"}),
    "a key by a path": ("create_access_key", {"UserName": "climber/../reader"}),
    "a key by a wildcard": ("create_access_key", {"UserName": "*"}),
    "a password of another": (
        "create_login_profile",
        {"UserName": "reader", "Password": "Long-Enough-Pass-9!"},
    ),
    "another's name": ("update_user", {"UserName": "climber", "NewUserName": "reader"}),
    "a new version": (
        "create_policy_version",
        {"PolicyArn": POLICIES + "fence", "PolicyDocument": ALL, "SetAsDefault": True},
    ),
    "no boundary": ("delete_user_permissions_boundary", {"UserName": "climber"}),
    "a role for machines": (
        "add_role_to_instance_profile",
        {"InstanceProfileName": "machine", "RoleName": "strong"},
    ),
    "a role in another case": (
        "add_role_to_instance_profile",
        {"InstanceProfileName": "machine", "RoleName": "STRONG"},
    ),
    "a seed of another's": (
        "deactivate_mfa_device",
        {"UserName": "reader", "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/x"},
    ),
    "an issuer of one's own": (
        "create_open_id_connect_provider",
        {"Url": "https://evil.example.org", "ThumbprintList": ["a" * 40]},
    ),
    "another's Git password": (
        "create_service_specific_credential",
        {"UserName": "reader", "ServiceName": "codecommit.amazonaws.com"},
    ),
    "one's SSH key for another": (
        "upload_ssh_public_key",
        {"UserName": "reader", "SSHPublicKeyBody": "ssh-rsa AAAA"},
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_self_service_user_climbs_by_no_operation_of_iam(scene: Scene, step: str) -> None:
    operation, request = STEPS[step]
    refused(getattr(scene.client("iam", scene.climber), operation), **request)


BOUNDLESS: dict[str, dict[str, Any]] = {
    "none": {},
    "another": {"PermissionsBoundary": ADMINISTRATOR},
    "another case": {"PermissionsBoundary": POLICIES + "FENCE"},
    "another account's": {"PermissionsBoundary": "arn:aws:iam::999999999999:policy/fence"},
}


@pytest.mark.parametrize("given", BOUNDLESS)
def test_who_must_set_a_boundary_makes_nobody_without_it(scene: Scene, given: str) -> None:
    builder = scene.client("iam", scene.builder)
    refused(builder.create_user, UserName="unbound", **BOUNDLESS[given])
    refused(builder.put_user_policy, UserName="reader", PolicyName="x", PolicyDocument=ALL)
    if given != "none":
        refused(builder.put_user_permissions_boundary, UserName="reader", **BOUNDLESS[given])


def test_a_role_is_assumed_under_its_own_arn_alone(scene: Scene, victims: Victims) -> None:
    traveller = scene.client("sts", scene.traveller)
    for arn in (
        ROLES + "MIDDLE",
        ROLES + "team/middle",
        ROLES + "team/../middle",
        ROLES + "middle/",
        ROLES + "next",
        ROLES + "strong",
        f"arn:aws-cn:iam::{ACCOUNT}:role/middle",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/middle/climb",
    ):
        refused(traveller.assume_role, RoleArn=arn, RoleSessionName="climb")
    for key in (victims.stranger, victims.root, victims.nobody):
        refused(scene.client("sts", key).assume_role, RoleArn=ROLES + "middle", RoleSessionName="climb")


@pytest.mark.parametrize("given", [None, "", "OURS", "ours ", "our", "*", "o?rs", "${aws:username}"])
def test_a_vendor_that_is_deputy_of_many_needs_the_external_id(scene: Scene, given: str | None) -> None:
    # As the middle role, which may assume whatever trusts it.
    session = scene.session("sts", scene.assumed(scene.traveller, "middle"))
    more = {} if given is None else {"ExternalId": given}
    refused(session.assume_role, RoleArn=ROLES + "vendor", RoleSessionName="climb", **more)
    opened = session.assume_role(RoleArn=ROLES + "vendor", RoleSessionName="climb", ExternalId="ours")
    assert opened["AssumedRoleUser"]["Arn"].endswith(":assumed-role/vendor/climb")


def test_a_chain_of_roles_prolongs_nothing(scene: Scene) -> None:
    long = scene.assumed(scene.traveller, "middle", DurationSeconds=43_200)
    session = scene.session("sts", long)
    more = {"RoleArn": ROLES + "next", "RoleSessionName": "climb"}
    assert refused(session.assume_role, **more, DurationSeconds=3_601) == "ValidationError"
    chained = session.assume_role(**more, DurationSeconds=3_600)["Credentials"]
    left = chained["Expiration"].timestamp() - time.time()
    assert left <= 3_600
    # Nor does a role assume itself for longer, or open a session of another kind.
    refused(session.assume_role, RoleArn=ROLES + "middle", RoleSessionName="x", DurationSeconds=43_200)
    refused(session.get_session_token)
    refused(session.get_federation_token, Name="guest", Policy=ALL)


def test_a_session_policy_widens_nothing(scene: Scene) -> None:
    narrow = scene.assumed(scene.traveller, "middle", Policy=ALL, PolicyArns=[{"arn": ADMINISTRATOR}])
    refused(scene.session("iam", narrow).list_users)
    refused(scene.session("codecommit", narrow).create_repository, repositoryName="mine")
    assert scene.session("codecommit", narrow).list_repositories()["repositories"]
    nothing = document({"Effect": "Deny", "Action": "*", "Resource": "*"})
    shut = scene.assumed(scene.traveller, "middle", Policy=nothing)
    refused(scene.session("codecommit", shut).list_repositories)
    # A role that it goes on to is not narrowed by it, but a deny keeps it from going there.
    refused(scene.session("sts", shut).assume_role, RoleArn=ROLES + "next", RoleSessionName="x")


def test_a_federated_user_gets_no_more_than_its_issuer_has(scene: Scene) -> None:
    sts = scene.client("sts", scene.climber)
    made = sts.get_federation_token(Name="guest", Policy=ALL, PolicyArns=[{"arn": ADMINISTRATOR}])
    guest = made["Credentials"]
    refused(scene.session("codecommit", guest).list_repositories)
    refused(scene.session("iam", guest).create_access_key, UserName="climber")
    refused(scene.session("sts", guest).assume_role, RoleArn=ROLES + "middle", RoleSessionName="x")
    refused(scene.session("sts", guest).get_federation_token, Name="guest")
    refused(scene.session("sts", guest).get_session_token)


NAMES = [
    "a%2fb",
    "a:b",
    "a/b",
    "a%b",
    "x" * 65,
    "x" * 2_048,
    "a",
    "a b",
    "a\nb",
    "\u00e9\u00e9",
    "${aws:userid}",
    "*",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_session_name_that_could_be_taken_for_another_arn_is_refused(scene: Scene, name: str) -> None:
    traveller = scene.client("sts", scene.traveller)
    code = refused(traveller.assume_role, RoleArn=ROLES + "middle", RoleSessionName=name)
    assert code == "ValidationError"


def test_tags_and_a_source_identity_need_the_roles_consent(scene: Scene) -> None:
    traveller = scene.client("sts", scene.traveller)
    asked = {"RoleArn": ROLES + "middle", "RoleSessionName": "climb"}
    refused(traveller.assume_role, **asked, Tags=[{"Key": "Team", "Value": "admins"}])
    refused(traveller.assume_role, **asked, SourceIdentity="root")


def test_a_user_without_the_device_passes_no_request_for_mfa(scene: Scene) -> None:
    traveller = scene.client("sts", scene.traveller)
    asked = {"RoleArn": ROLES + "middle", "RoleSessionName": "climb"}
    device = f"arn:aws:iam::{ACCOUNT}:mfa/phone"
    refused(traveller.assume_role, **asked, SerialNumber=device, TokenCode="000000")
    refused(traveller.assume_role, **asked, TokenCode="000000")
    refused(traveller.get_session_token, SerialNumber=device, TokenCode="123456")
