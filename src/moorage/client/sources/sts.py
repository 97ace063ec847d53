"""One question to STS: who may I be? Asked and answered with the standard library.

Source: the STS API, version 2011-06-15 (Query protocol); AWS Signature Version 4.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET  # an answer with a document type is refused before, see `_parsed`

from moorage.client.sources import Credentials, NoCredentials
from moorage.client.sources.endpoints import ask, endpoint, region_of
from moorage.client.sources.http_call import CallFailed
from moorage.client.sources.told import one_line
from moorage.core import sigv4

if TYPE_CHECKING:
    from moorage.client.sources import Asked
    from moorage.client.sources.endpoints import Endpoint

VERSION = "2011-06-15"
MAX_REASON = 1_000  # characters: STS's own sentence names two ARNs

_CREDENTIAL_FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def assumed(
    asked: Asked,
    action: str,
    parameters: Mapping[str, str | int],
    signer: Credentials | None,
    *,
    why: str,
    now: float,
) -> dict[str, Any]:
    """Return STS's answer to `action`, in the form that the AWS CLI keeps in its cache.

    `signer` signs the request; None sends it unsigned, as AssumeRoleWithWebIdentity is. `why` begins
    the line of an error: which profile wanted what. `now` (Unix time) dates the signature.

    Raises:
        NoCredentials: STS refuses, with its own reason, or cannot be asked.
    """
    form = {"Action": action, "Version": VERSION, **parameters}
    body = "&".join(f"{name}={sigv4.uri_encode(str(value))}" for name, value in form.items()).encode()
    place = endpoint(asked, "sts", region_of(asked))
    headers = {
        "Host": urlsplit(place.url).netloc,
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    if signer is not None:
        if place.region is None:
            remedy = f"set AWS_REGION, or region in profile {asked.session_profile}"
            raise NoCredentials(f"{why}: no region is set, and {one_line(place.url, 100)} has none: {remedy}")
        headers |= _signature(place, place.region, body, headers, signer=signer, now=now)
    try:
        answer = ask(asked, place.url + "/", method="POST", headers=headers, body=body)
    except CallFailed as error:
        raise NoCredentials(f"{why}: {error}") from None
    texts = _parsed(answer.body)
    if answer.status != 200:
        raise NoCredentials(f"{why}: {_refusal(texts, answer.status, place)}")
    missing = [name for name in _CREDENTIAL_FIELDS if not texts.get(name)]
    if missing:
        raise NoCredentials(f"{why}: {place.url} answered without {missing[0]}: is it STS?")
    found = {name: texts[name] for name in _CREDENTIAL_FIELDS}
    arn = texts.get("Arn", "")
    if arn.count(":") >= 5:
        found["AccountId"] = arn.split(":")[4]
    user = {"AssumedRoleId": texts.get("AssumedRoleId", ""), "Arn": arn}
    return {"Credentials": found, "AssumedRoleUser": user}


def _signature(
    place: Endpoint, region: str, body: bytes, headers: Mapping[str, str], *, signer: Credentials, now: float
) -> dict[str, str]:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    added = {"X-Amz-Date": stamp}
    if signer.token:
        added["X-Amz-Security-Token"] = signer.token
    signed = {name.lower(): value for name, value in {**headers, **added}.items()}
    names = sorted(signed)
    canonical = sigv4.canonical_request(
        method="POST",
        raw_path=(urlsplit(place.url).path or "") + "/",
        raw_query="",
        headers=signed.items(),
        signed_headers=names,
        payload_sha256=sigv4.sha256_hex(body),
    )
    scope = sigv4.credential_scope(stamp[:8], region, "sts")
    key = sigv4.signing_key(signer.secret_key, stamp[:8], region, "sts")
    signature = sigv4.sign(key, sigv4.string_to_sign(stamp, scope, canonical))
    added["Authorization"] = (
        f"{sigv4.ALGORITHM} Credential={signer.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def _parsed(body: bytes) -> dict[str, str]:
    """Return the texts of an answer's elements by their names, whatever namespace they are in."""
    if b"<!" in body:  # a document type, with which a small answer can grow without bounds
        return {}
    try:
        root = ET.fromstring(body)  # noqa: S314 — see above
    except ET.ParseError:
        return {}
    texts: dict[str, str] = {}
    for element in root.iter():
        texts.setdefault(element.tag.rpartition("}")[2], (element.text or "").strip())
    return texts


def _refusal(texts: Mapping[str, str], status: int, place: Endpoint) -> str:
    code, message = texts.get("Code"), texts.get("Message")
    if not code:
        return f"{place.url} answered with status {status}: is it STS?"
    return f"STS says {one_line(code, 80)}: {one_line(message or '', MAX_REASON)}"
