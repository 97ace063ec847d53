"""Each credential, provider and key through its whole life, on both databases."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Desk, Installation, root_principal
from moorage.auth.key_holders import Holder, KeyHolders, Unusable
from moorage.auth.ssh_login import ProvenKey, SshLogins
from moorage.auth.user_principals import UserPrincipals
from moorage.core.faults import Fault
from moorage.core.secrets import Secret
from moorage.crypto import totp
from moorage.crypto.root_key import RootKey
from moorage.keys import rotations, sealed_columns
from moorage.services.iam import iam
from moorage.services.kms import kms
from moorage.services.sts import sts
from moorage.storage import accounts, audit, kms_keys, service_credentials, ssh_keys
from moorage.storage.database import Database
from saml_at_hand import metadata

CODECOMMIT = "codecommit.amazonaws.com"
TAGS = [{"Key": "Größe", "Value": "値"}]


@pytest.fixture
def root(database: Database) -> Desk:
    root_key = RootKey(b"k" * 32)
    with database.write() as connection:
        account = accounts.create(
            connection, root_key, name="main", partition="aws", now_ms=NOW_MS, account_id=ACCOUNT
        )
    return Desk(Installation(database, root_key, account), iam, root_principal())


@pytest.fixture
def keys(root: Desk) -> Desk:
    return Desk(root.installation, kms, root_principal())


def trusted(principal: str, action: str = "sts:AssumeRole") -> str:
    statement = {"Effect": "Allow", "Principal": json.loads(principal), "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_git_credentials_whole_life(root: Desk) -> None:
    installation = root.installation
    root.ask("CreateUser", UserName="mary")
    made = root.ask("CreateServiceSpecificCredential", UserName="mary", ServiceName=CODECOMMIT)[
        "ServiceSpecificCredential"
    ]
    named = {"UserName": "mary", "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    reset = root.ask("ResetServiceSpecificCredential", **named)["ServiceSpecificCredential"]
    assert reset["ServicePassword"] != made["ServicePassword"]
    root.ask("UpdateServiceSpecificCredential", Status="Inactive", **named)
    with installation.database.read() as connection:
        stored = service_credentials.stored(connection, made["ServiceUserName"])
    assert stored is not None
    assert not stored.active
    (listed,) = root.ask("ListServiceSpecificCredentials", AllUsers=True)["ServiceSpecificCredentials"]
    assert (listed["UserName"], listed["Status"]) == ("mary", "Inactive")
    root.ask("DeleteServiceSpecificCredential", **named)
    root.ask("DeleteUser", UserName="mary")


def test_an_ssh_keys_whole_life(root: Desk) -> None:
    database = root.installation.database
    public = rsa.generate_private_key(65537, 2048).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    root.ask("CreateUser", UserName="mary", Tags=TAGS)
    key_id = root.ask("UploadSSHPublicKey", UserName="mary", SSHPublicKeyBody=line)["SSHPublicKey"][
        "SSHPublicKeyId"
    ]
    logins = SshLogins(database, UserPrincipals(database))
    proven = ProvenKey(key_id, base64.b64decode(line.split()[1]))
    assert logins.principal(proven).tags == {"Größe": "値"}
    root.ask("UpdateSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id, Status="Inactive")
    with pytest.raises(Fault, match="inactive"):
        logins.principal(proven)
    root.ask("DeleteSSHPublicKey", UserName="mary", SSHPublicKeyId=key_id)
    with database.read() as connection:
        assert ssh_keys.stored(connection, key_id) is None


def test_the_life_of_passwords_and_devices(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    root.ask("UpdateAccountPasswordPolicy", MinimumPasswordLength=10, PasswordReusePrevention=3)
    root.ask("CreateLoginProfile", UserName="mary", Password="First-passw0rd!")
    root.ask("UpdateLoginProfile", UserName="mary", Password="Second-passw0rd!")
    again = root.refusal("UpdateLoginProfile", UserName="mary", Password="First-passw0rd!")
    assert again.code == "PasswordPolicyViolation"
    made = root.ask("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Tags=TAGS)["VirtualMFADevice"]
    serial, seed = made["SerialNumber"], base64.b32decode(made["Base32StringSeed"])
    step = totp.step_at(NOW)
    one, two = totp.code(seed, step - 1), totp.code(seed, step)
    root.ask(
        "EnableMFADevice",
        UserName="mary",
        SerialNumber=serial,
        AuthenticationCode1=one,
        AuthenticationCode2=two,
    )
    root.ask("CreateAccountAlias", AccountAlias="moored")
    assert root.ask("GetAccountSummary")["SummaryMap"]["MFADevicesInUse"] == 1
    root.ask("GenerateCredentialReport")
    rows = csv.DictReader(io.StringIO(root.ask("GetCredentialReport")["Content"].decode()))
    assert {row["user"]: row["mfa_active"] for row in rows} == {"<root_account>": "false", "mary": "true"}
    root.ask("DeactivateMFADevice", UserName="mary", SerialNumber=serial)
    root.ask("DeleteVirtualMFADevice", SerialNumber=serial)
    root.ask("DeleteLoginProfile", UserName="mary")
    root.ask("DeleteAccountPasswordPolicy")
    root.ask("DeleteAccountAlias", AccountAlias="moored")
    root.ask("DeleteUser", UserName="mary")


def test_the_life_of_providers(root: Desk) -> None:
    thumbprint = "a" * 40
    oidc = root.ask(
        "CreateOpenIDConnectProvider",
        Url="https://issuer.example.org/path",
        ClientIDList=["one"],
        ThumbprintList=[thumbprint],
        Tags=TAGS,
    )["OpenIDConnectProviderArn"]
    named = {"OpenIDConnectProviderArn": oidc}
    root.ask("AddClientIDToOpenIDConnectProvider", ClientID="two", **named)
    shown = root.ask("GetOpenIDConnectProvider", **named)
    assert (shown["ClientIDList"], shown["ThumbprintList"]) == (["one", "two"], [thumbprint])
    saml = root.ask("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=metadata())["SAMLProviderArn"]
    root.ask("TagSAMLProvider", SAMLProviderArn=saml, Tags=TAGS)
    assert root.ask("ListSAMLProviderTags", SAMLProviderArn=saml)["Tags"] == TAGS
    root.ask("UntagSAMLProvider", SAMLProviderArn=saml, TagKeys=["GRÖSSE", "größe"])
    root.ask("DeleteSAMLProvider", SAMLProviderArn=saml)
    root.ask("DeleteOpenIDConnectProvider", **named)
    assert root.ask("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == []


def test_the_life_of_a_session_ends_with_its_role(root: Desk) -> None:
    installation = root.installation
    mary = root.ask("CreateUser", UserName="mary")["User"]
    trust = trusted(json.dumps({"AWS": mary["Arn"]}))
    role = root.ask("CreateRole", RoleName="build", AssumeRolePolicyDocument=trust, Tags=TAGS)["Role"]
    assumer = Desk(installation, sts, _principal(installation, mary))
    credentials = assumer.ask("AssumeRole", RoleArn=role["Arn"], RoleSessionName="nightly")["Credentials"]
    holders = KeyHolders(installation.database, installation.root_key)

    def held(seconds: int = 0) -> Holder | Unusable:
        token = Secret(credentials["SessionToken"])
        return holders.find(credentials["AccessKeyId"], token, NOW + timedelta(seconds=seconds))

    found = held(3_599)
    assert isinstance(found, Holder)
    assert (found.principal.unique_id, found.principal.tags) == (f"{role['RoleId']}:nightly", {"Größe": "値"})
    with pytest.raises(Fault, match="expired"):
        held(3_600)
    root.ask("DeleteRole", RoleName="build")
    root.ask("CreateRole", RoleName="build", AssumeRolePolicyDocument=trust)
    assert isinstance(held(), Unusable)


def _principal(installation: Installation, user: dict[str, Any]) -> Any:
    key = access_key(installation, user["UserName"])
    found = KeyHolders(installation.database, installation.root_key).find(key, None, NOW)
    assert isinstance(found, Holder)
    return found.principal


def access_key(installation: Installation, user_name: str) -> str:
    made = Desk(installation, iam, root_principal()).ask("CreateAccessKey", UserName=user_name)
    key_id: str = made["AccessKey"]["AccessKeyId"]
    return key_id


def test_a_kms_keys_whole_life(root: Desk, keys: Desk) -> None:
    database, root_key = root.installation.database, root.installation.root_key
    mary = root.ask("CreateUser", UserName="mary")["User"]
    tags = [{"TagKey": "Größe", "TagValue": "値"}]
    key_id = keys.ask("CreateKey", Tags=tags)["KeyMetadata"]["KeyId"]
    keys.ask("CreateAlias", AliasName="alias/team", TargetKeyId=key_id)
    context = {"EncryptionContext": {"team": "blue"}}
    sealed = keys.ask("Encrypt", KeyId="alias/team", Plaintext=b"x", **context)["CiphertextBlob"]
    keys.ask("RotateKeyOnDemand", KeyId=key_id)
    grant = keys.ask(
        "CreateGrant",
        KeyId=key_id,
        GranteePrincipal=mary["Arn"],
        Operations=["Decrypt"],
        Constraints={"EncryptionContextEquals": {"team": "blue"}},
        Name="n",
    )
    hers = Desk(root.installation, kms, _principal(root.installation, mary))
    assert hers.ask("Decrypt", CiphertextBlob=sealed, **context)["Plaintext"] == b"x"
    (listed,) = keys.ask("ListGrants", KeyId=key_id)["Grants"]
    assert (listed["GranteePrincipal"], listed["IssuingAccount"]) == (
        mary["Arn"],
        f"arn:aws:iam::{ACCOUNT}:root",
    )
    keys.ask("RevokeGrant", KeyId=key_id, GrantId=grant["GrantId"])
    assert hers.refusal("Decrypt", CiphertextBlob=sealed, **context).code == "AccessDenied"
    assert sealed_columns.reseal(database, root_key.rotated()) >= 3  # two materials, secrets of access keys
    keys.ask("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
    with database.write() as connection:
        key = kms_keys.find(connection, key_id)
        assert key is not None
        kms_keys.change(connection, key, deletion_at_ms=1)
    assert rotations.run_due(database, root_key) == (0, 1)
    with database.read() as connection:
        assert kms_keys.find(connection, key_id) is None
        assert audit.of_request(connection, "request-1")
