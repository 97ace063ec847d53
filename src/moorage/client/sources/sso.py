"""IAM Identity Center: a role's credentials, for a sign-in that `aws sso login` has made.

Source: botocore's SSOProvider.
"""

from __future__ import annotations

from moorage.client.sources import cache
from moorage.client.sources.roles import CACHE_FOLDER
from moorage.client.sources.sso_sign_in import sign_in_of

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from moorage.client.sources import Asked, Credentials


def credentials(asked: Asked) -> Credentials:
    """Return the credentials of the profile's role.

    Raises:
        NoCredentials: the profile is incomplete, the sign-in is over, or AWS refuses.
    """
    sign_in = sign_in_of(asked)
    where, source = cache.folder(asked.environment, *CACHE_FOLDER), f"SSO of profile {sign_in.profile}"
    key = cache.sso_role_key(
        role=sign_in.role, account=sign_in.account, session=sign_in.session, start_url=sign_in.start_url
    )
    held = cache.credentials(where, key, asked.now, source)
    if held is not None:
        return held
    from moorage.client.sources import sso_calls  # what the cache spares

    answer = sso_calls.role_credentials(asked, sign_in)
    return cache.kept(where, key, answer, asked.now, source)
