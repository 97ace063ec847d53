from __future__ import annotations

import pytest

from moorage.core.faults import Fault
from moorage.keys.key_names import KeyName

ACCOUNT, REGION = "111122223333", "eu-west-1"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ID, KeyName(ACCOUNT, REGION, ID, None)),
        ("alias/team/key", KeyName(ACCOUNT, REGION, "", "alias/team/key")),
        (f"arn:aws:kms:eu-west-1:444455556666:key/{ID}", KeyName("444455556666", REGION, ID, None)),
        ("arn:aws:kms:eu-west-1:444455556666:alias/x", KeyName("444455556666", REGION, "", "alias/x")),
    ],
)
def test_a_key_is_named_by_id_alias_or_the_arn_of_either(text: str, expected: KeyName) -> None:
    assert KeyName.parse(text, ACCOUNT, REGION) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "alias/",
        "alias/a b",
        ID.upper(),
        f"key/{ID}x",
        f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{ID}",
        f"arn:aws-cn:kms:eu-west-1:{ACCOUNT}:key/{ID}",
        f"arn:aws:kms:eu-west-1:{ACCOUNT}:{ID}",
        f"arn:aws:s3:eu-west-1:{ACCOUNT}:key/{ID}",
        f"arn:aws:kms:eu-west-1:1:key/{ID}",
    ],
)
def test_what_names_no_key_of_this_region_is_invalid(text: str) -> None:
    with pytest.raises(Fault, match="EncryptionKeyInvalidIdException"):
        KeyName.parse(text, ACCOUNT, REGION)
