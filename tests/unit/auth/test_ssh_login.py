from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Installation
from moorage.auth.ssh_login import ProvenKey, SshLogins
from moorage.auth.user_principals import UserPrincipals
from moorage.core.faults import Fault
from moorage.storage import accounts, identities, ssh_keys, users
from moorage.storage.ssh_keys import PublicKey, SshKeyRow
from moorage.storage.users import UserRow

BLOB = b"a public key"


@pytest.fixture
def logins(installation: Installation) -> SshLogins:
    return SshLogins(installation.database, UserPrincipals(installation.database))


@pytest.fixture
def mary(installation: Installation) -> UserRow:
    return installation.add_user("mary", "/team/")


@pytest.fixture
def row(installation: Installation, mary: UserRow) -> SshKeyRow:
    return added(installation, mary, BLOB)


def added(installation: Installation, user: UserRow, blob: bytes) -> SshKeyRow:
    with identities.change(installation.database, ACCOUNT) as connection:
        return ssh_keys.create(connection, user, PublicKey("body", blob, blob.hex()[:47]), now_ms=NOW_MS)


def refusal(logins: SshLogins, key_id: str, blob: bytes = BLOB) -> Fault:
    with pytest.raises(Fault) as refused:
        logins.principal(ProvenKey(key_id, blob))
    assert refused.value.status == 401
    return refused.value


def test_a_proven_key_is_its_users(logins: SshLogins, row: SshKeyRow, mary: UserRow) -> None:
    principal = logins.principal(ProvenKey(row.key_id, BLOB))
    assert (principal.kind, principal.unique_id, principal.user_name) == ("user", mary.user_id, "mary")
    assert principal.arn == f"arn:aws:iam::{ACCOUNT}:user/team/mary"
    assert principal.access_key_id is None


def test_it_is_asked_anew_each_time(logins: SshLogins, row: SshKeyRow, installation: Installation) -> None:
    key = ProvenKey(row.key_id, BLOB)
    logins.principal(key)
    with identities.change(installation.database, ACCOUNT) as connection:
        users.rename(connection, row.user_id, name="maria", path="/")
    assert logins.principal(key).user_name == "maria"
    with identities.change(installation.database, ACCOUNT) as connection:
        ssh_keys.set_status(connection, row.user_id, row.key_id, "Inactive")
    assert refusal(logins, row.key_id).message == f"The SSH key {row.key_id} is refused: it is inactive."
    with identities.change(installation.database, ACCOUNT) as connection:
        ssh_keys.remove(connection, row.user_id, row.key_id)
    assert "not known" in refusal(logins, row.key_id).message


def test_another_key_under_that_id_hears_nothing_of_it(
    logins: SshLogins, row: SshKeyRow, installation: Installation
) -> None:
    other = added(installation, installation.add_user("bob"), b"another")
    with identities.change(installation.database, ACCOUNT) as connection:
        ssh_keys.set_status(connection, row.user_id, row.key_id, "Inactive")
    found = {
        refusal(logins, row.key_id, b"another").message,
        refusal(logins, other.key_id).message,
        *(
            refusal(logins, name).message
            for name in ("APKAAAAAAAAAAAAAAAAA", "", "git", "x" * 5000, "mary\0")
        ),
    }
    assert found == {"This SSH key is not known here under that user name."}
    assert "told" not in refusal(logins, row.key_id, b"another").detail


def test_a_closed_account_is_refused(logins: SshLogins, row: SshKeyRow, installation: Installation) -> None:
    with installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert "its account is closed" in refusal(logins, row.key_id).message
