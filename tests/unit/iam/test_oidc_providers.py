from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.services.iam import iam, oidc_providers

URL = "https://issuer.example.org/realms/main"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example.org/realms/main"
THUMBPRINT = "0123456789abcdef0123456789ABCDEF01234567"


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def create(root: Desk, url: str = URL, **more: object) -> str:
    arn = root.ask("CreateOpenIDConnectProvider", Url=url, **more)["OpenIDConnectProviderArn"]
    return str(arn)


def test_a_provider_is_kept_as_it_was_registered(root: Desk) -> None:
    arn = create(
        root, ClientIDList=["a", "b", "a"], ThumbprintList=[THUMBPRINT], Tags=[{"Key": "k", "Value": "v"}]
    )
    assert arn == ARN
    found = root.ask("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    assert found["Url"] == "issuer.example.org/realms/main"
    assert found["ClientIDList"] == ["a", "b"]
    assert found["ThumbprintList"] == [THUMBPRINT.lower()]
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    assert root.ask("ListOpenIDConnectProviders") == {"OpenIDConnectProviderList": [{"Arn": ARN}]}
    fault = root.refusal("CreateOpenIDConnectProvider", Url=URL)
    assert (fault.code, fault.message) == ("EntityAlreadyExists", f"Provider with url {URL} already exists.")


def test_a_deleted_provider_takes_its_tags_along(root: Desk) -> None:
    create(root, Tags=[{"Key": "k", "Value": "v"}])
    root.ask("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    fault = root.refusal("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    assert (fault.code, fault.message) == ("NoSuchEntity", f"OpenIDConnect Provider not found for arn {ARN}")
    create(root)
    assert root.ask("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)["Tags"] == []


def test_client_ids_and_thumbprints_change_within_their_quotas(root: Desk) -> None:
    create(root, ClientIDList=[f"c{number}" for number in range(oidc_providers.CLIENT_IDS)])
    about = {"OpenIDConnectProviderArn": ARN}
    root.ask("AddClientIDToOpenIDConnectProvider", ClientID="c1", **about)
    fault = root.refusal("AddClientIDToOpenIDConnectProvider", ClientID="one-more", **about)
    assert fault.code == "LimitExceeded"
    for _ in range(2):
        root.ask("RemoveClientIDFromOpenIDConnectProvider", ClientID="c1", **about)
    root.ask("AddClientIDToOpenIDConnectProvider", ClientID="one-more", **about)
    root.ask("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=[THUMBPRINT, "f" * 40], **about)
    found = root.ask("GetOpenIDConnectProvider", **about)
    assert "c1" not in found["ClientIDList"]
    assert found["ClientIDList"][-1] == "one-more"
    assert found["ThumbprintList"] == [THUMBPRINT.lower(), "f" * 40]
    six = [f"{number:040x}" for number in range(6)]
    fault = root.refusal("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=six, **about)
    assert fault.code == "LimitExceeded"
    fault = root.refusal("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=["z" * 40], **about)
    assert fault.code == "InvalidInput"


def test_tags_are_set_listed_and_taken_away(root: Desk) -> None:
    about = {"OpenIDConnectProviderArn": create(root)}
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    root.ask("TagOpenIDConnectProvider", Tags=tags, **about)
    root.ask("UntagOpenIDConnectProvider", TagKeys=["a"], **about)
    assert root.ask("ListOpenIDConnectProviderTags", **about)["Tags"] == tags[1:]


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example.org",
        "https://",
        "https://issuer.example.org?x=1",
        "https://issuer.example.org/#f",
        "https://me@issuer.example.org",
        "https://issuer.example.org:70000",
        "https://issuer.example.org\\@evil.example",
        "https://issuer.example.org/a b",
        "ftp://x",
    ],
)
def test_an_issuer_is_an_https_url_and_nothing_more(root: Desk, url: str) -> None:
    assert root.refusal("CreateOpenIDConnectProvider", Url=url).code == "InvalidInput"


def test_an_issuer_may_have_a_port(root: Desk) -> None:
    arn = create(root, "https://issuer.example.org:8443/x/")
    assert arn.endswith(":oidc-provider/issuer.example.org:8443/x/")
    assert root.ask("GetOpenIDConnectProvider", OpenIDConnectProviderArn=arn)["Url"].endswith("/x/")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::999988887777:oidc-provider/issuer.example.org/realms/main",
        ARN.replace("aws", "aws-cn", 1),
    ],
)
def test_another_accounts_or_partitions_arn_names_nothing_here(
    installation: Installation, root: Desk, arn: str
) -> None:
    create(root)
    assert root.refusal("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=arn).code in {
        "NoSuchEntity", "AccessDenied",
    }  # fmt: skip
    assert root.ask("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    odd = ARN.replace("oidc-provider", "saml-provider")
    assert root.refusal("GetOpenIDConnectProvider", OpenIDConnectProviderArn=odd).code == "InvalidInput"
    mary = Desk(installation, iam, user_principal(installation.add_user("mary")))
    assert mary.refusal("GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN).code == "AccessDenied"
    assert mary.refusal("CreateOpenIDConnectProvider", Url="https://x.example").code == "AccessDenied"


def test_what_this_server_would_not_keep_is_refused(root: Desk) -> None:
    context = {"SubjectSourceKey": "sub"}
    assert (
        root.refusal("CreateOpenIDConnectProvider", Url=URL, ContextProvider=context).code == "InvalidInput"
    )
