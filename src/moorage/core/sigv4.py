"""AWS Signature Version 4: what signing and verifying share.

The client signs with this module and the server verifies with it, so the two cannot drift apart.
Texts are encoded as UTF-8 with `surrogateescape`: bytes of a header or path that are no UTF-8,
decoded the same way, are signed as they came.

The module is on the credential helper's path, whose whole run should cost little more than a bare
interpreter. So it takes the interpreter's own SHA-256, which loads in a tenth of the time that
`hashlib` needs to load OpenSSL, and imports neither `re`, `hmac`, `typing` nor `urllib`.

Source: AWS General Reference, "Signature Version 4 signing process"; the AWS CLI's
`codecommit credential-helper` customization for `git_password`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; `typing` itself would cost as much as the signing
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # CPython up to 3.11
    except ImportError:
        try:
            from _sha2 import sha256  # CPython from 3.12
        except ImportError:
            from hashlib import sha256

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# The service that a Git password's signature names.
GIT_SERVICE = "codecommit"

_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_BLANKS = " \t\r\n\v\f"


def encode(text: str) -> bytes:
    """Return the bytes that are signed for a text."""
    return text.encode("utf-8", "surrogateescape")


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of small `content` in hex (for bodies of megabytes, hashlib is faster)."""
    return sha256(content).hexdigest()


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """Return the HMAC (RFC 2104) of `content` under `key`."""
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    inner = sha256(padded.translate(_INNER) + content).digest()
    return sha256(padded.translate(_OUTER) + inner).digest()


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key that signs a day's requests (`date` as YYYYMMDD) to one service and region."""
    key = hmac_sha256(encode("AWS4" + secret), encode(date))
    for part in (region, service, TERMINATOR):
        key = hmac_sha256(key, encode(part))
    return key


def credential_scope(date: str, region: str, service: str) -> str:
    return f"{date}/{region}/{service}/{TERMINATOR}"


def string_to_sign(timestamp: str, scope: str, canonical: str) -> str:
    """Return what is signed for a canonical request at `timestamp`, under `scope`."""
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256_hex(encode(canonical))}"


def sign(key: bytes, text: str) -> str:
    """Return the signature of a string to sign, in hex."""
    return hmac_sha256(key, encode(text)).hex()


def canonical_request(
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Iterable[tuple[str, str]],
    signed_headers: Sequence[str],
    payload_sha256: str,
) -> str:
    """Return a request in the form that is signed, for every service but S3.

    `raw_path` and `raw_query` are as they stand in the request line. `signed_headers` are
    lower-case names in the order signed; one that the request does not carry counts as empty.
    """
    lines = [method.upper(), canonical_path(raw_path), canonical_query(raw_query)]
    values: dict[str, list[str]] = {name: [] for name in signed_headers}
    for name, value in headers:
        lower = name.lower()
        if lower in values:
            values[lower].append(trimmed(value))
    lines += [f"{name}:{','.join(values[name])}" for name in signed_headers]
    lines += ["", ";".join(signed_headers), payload_sha256]
    return "\n".join(lines)


def canonical_path(raw_path: str) -> str:
    """Return a path without dot segments and doubled slashes, its escapes escaped once more."""
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    ends_with_slash = raw_path.endswith("/") and kept
    return uri_encode("/" + "/".join(kept) + ("/" if ends_with_slash else ""), also="/")


def canonical_query(raw_query: str) -> str:
    """Return a query string's parameters, each escaped in the one canonical way, sorted."""
    pairs = []
    for pair in raw_query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            pairs.append((_reencoded(name), _reencoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def trimmed(value: str) -> str:
    """Return a header's value without blanks around it and with single spaces within."""
    for blank in _BLANKS[1:]:
        value = value.replace(blank, " ")
    return " ".join(part for part in value.split(" ") if part)


def uri_encode(text: str, also: str = "") -> str:
    """Percent-encode all but RFC 3986's unreserved characters and those in `also`."""
    keep = _UNRESERVED.union(also.encode())
    return "".join(chr(byte) if byte in keep else f"%{byte:02X}" for byte in encode(text))


def uri_decode(text: str) -> str:
    """Undo percent-encoding; a `%` that starts no escape stays as it is, and so does `+`."""
    first, *rest = encode(text).split(b"%")
    decoded = [first]
    for part in rest:
        digits = part[:2]
        if len(digits) == 2 and all(digit in _HEX_DIGITS for digit in digits):
            decoded.append(bytes((int(digits, 16),)) + part[2:])
        else:
            decoded.append(b"%" + part)
    return b"".join(decoded).decode("utf-8", "surrogateescape")


def _reencoded(text: str) -> str:
    return uri_encode(uri_decode(text))


def host_without_port(host: str) -> str:
    """Return the host as the AWS CLI's helper signs it: all before the first colon.

    For an IPv6 literal that is `[`, in the helper as here; see `auth.git_password`.
    """
    return host.partition(":")[0]


def git_canonical_sha256(host: str, path: str) -> str:
    """Return the SHA-256, in hex, of the canonical request that a Git password signs."""
    return sha256_hex(encode(f"GIT\n{path}\n\nhost:{host}\n\nhost\n"))


def git_string_to_sign(canonical_sha256: str, *, time: str, region: str) -> str:
    """Return what a Git password signs at `time` (YYYYMMDDTHHMMSS, UTC, without the Z)."""
    scope = credential_scope(time[:8], region, GIT_SERVICE)
    return f"{ALGORITHM}\n{time}\n{scope}\n{canonical_sha256}"


def git_password(host: str, path: str, *, secret: str, region: str, now: datetime) -> str:
    """Return the one-time password for a Git request to https://`host``path`.

    The method signed is the literal word GIT and only the host header is covered, so a password
    is valid for both fetch and push of that repository. The server accepts it for 15 minutes
    either side of `now` (UTC, whole seconds). `host` and `path` are signed as given: `path`
    starts with a slash, and a port is signed when it is given (see `host_without_port`).

    Raises:
        ValueError: `now` has no time zone.

    Source: AWS CLI, the `codecommit credential-helper` customization.
    """
    if now.utcoffset() is None:
        raise ValueError("now must have a time zone")
    moment = now.utctimetuple()
    time = (
        f"{moment.tm_year:04d}{moment.tm_mon:02d}{moment.tm_mday:02d}"
        f"T{moment.tm_hour:02d}{moment.tm_min:02d}{moment.tm_sec:02d}"
    )
    return git_password_at(host, path, secret=secret, region=region, time=time)


def git_password_at(host: str, path: str, *, secret: str, region: str, time: str) -> str:
    """Return what `git_password` returns at `time`, told as YYYYMMDDTHHMMSS in UTC, without the Z."""
    key = signing_key(secret, time[:8], region, GIT_SERVICE)
    text = git_string_to_sign(git_canonical_sha256(host, path), time=time, region=region)
    return f"{time}Z{sign(key, text)}"
