from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal
from moorage.services.iam import iam


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def test_without_a_policy_there_is_none_to_show_or_delete(root: Desk) -> None:
    for operation in ("GetAccountPasswordPolicy", "DeleteAccountPasswordPolicy"):
        fault = root.refusal(operation)
        assert (fault.code, fault.status) == ("NoSuchEntity", 404)
        assert fault.message == f"The Password Policy with domain name {ACCOUNT} cannot be found."


def test_what_is_left_out_goes_back_to_its_default(root: Desk) -> None:
    root.ask(
        "UpdateAccountPasswordPolicy",
        MinimumPasswordLength=14,
        RequireNumbers=True,
        MaxPasswordAge=90,
        PasswordReusePrevention=24,
        HardExpiry=True,
    )
    policy = root.ask("GetAccountPasswordPolicy")["PasswordPolicy"]
    assert policy == {
        "MinimumPasswordLength": 14,
        "RequireSymbols": False,
        "RequireNumbers": True,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "PasswordReusePrevention": 24,
        "HardExpiry": True,
    }
    root.ask("UpdateAccountPasswordPolicy")
    policy = root.ask("GetAccountPasswordPolicy")["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"]) == (6, False)
    assert {"MaxPasswordAge", "PasswordReusePrevention", "HardExpiry"}.isdisjoint(policy)
    root.ask("DeleteAccountPasswordPolicy")
    assert root.refusal("GetAccountPasswordPolicy").code == "NoSuchEntity"


@pytest.mark.parametrize(
    "wrong", [{"MinimumPasswordLength": 5}, {"MaxPasswordAge": 0}, {"PasswordReusePrevention": 25}]
)
def test_values_beyond_the_models_bounds_are_refused(root: Desk, wrong: dict[str, int]) -> None:
    assert root.refusal("UpdateAccountPasswordPolicy", **wrong).code == "ValidationError"
