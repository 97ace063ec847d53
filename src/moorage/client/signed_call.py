"""One signed request to an AWS API, or to moorage's: the standard library alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from moorage.client.discovery import resolvable
from moorage.client.sources import Credentials
from moorage.client.sources.http_call import Answer, Call, proxy_for
from moorage.core import sigv4


def answer(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    service: str,
    region: str,
    credentials: Credentials,
    environment: Mapping[str, str],
    now: float,
    ca_file: str | None = None,
) -> Answer:
    """Send a POST to an endpoint.

    Raises:
        CallFailed: there is no answer.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    url = resolvable(url)
    told = {"Host": urlsplit(url).netloc, "X-Amz-Date": stamp, **headers}
    if credentials.token:
        told["X-Amz-Security-Token"] = credentials.token
    lower = {name.lower(): value for name, value in told.items()}
    names = sorted(lower)
    canonical = sigv4.canonical_request(
        method="POST",
        raw_path=urlsplit(url).path or "/",
        raw_query="",
        headers=lower.items(),
        signed_headers=names,
        payload_sha256=sigv4.sha256_hex(body),
    )
    scope = sigv4.credential_scope(stamp[:8], region, service)
    key = sigv4.signing_key(credentials.secret_key, stamp[:8], region, service)
    signature = sigv4.sign(key, sigv4.string_to_sign(stamp, scope, canonical))
    told["Authorization"] = (
        f"{sigv4.ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    ca = ca_file or environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE")
    return Call(url, "POST", told, body, ca_bundle=ca, proxy=proxy_for(environment, url)).answer()
