from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from moorage.server import local_ca

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DOMAIN = "amazonaws.com.localhost"


def _ensure(
    data: Path, *, now: datetime = NOW, domain: str = DOMAIN, regions: tuple[str, ...] = ("us-east-2",)
) -> tuple[bytes, bytes]:
    files = local_ca.ensure(data, domain, regions, now)
    assert files.ca is not None
    return files.ca.read_bytes(), files.certificate.read_bytes()


def test_the_ca_vouches_for_localhost_and_loopback_only(tmp_path: Path) -> None:
    ca = x509.load_pem_x509_certificate(_ensure(tmp_path)[0])
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees
    assert permitted is not None
    assert {str(name.value) for name in permitted} == {"localhost", "127.0.0.0/8", "::1/128"}


def test_the_certificate_names_each_region_the_domain_localhost_and_the_addresses(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(_ensure(tmp_path, regions=("us-east-2", "eu-west-1"))[1])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        f"*.eu-west-1.{DOMAIN}",
        f"*.us-east-2.{DOMAIN}",
        f"*.{DOMAIN}",
        DOMAIN,
        "localhost",
    ]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_domain_the_ca_may_not_vouch_for_is_left_out(tmp_path: Path) -> None:
    assert local_ca.certificate_names("git.example.org", ["us-east-2"]) == ["localhost"]


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    _ensure(tmp_path)
    for name in ("ca-key.pem", "server-key.pem"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600


def test_a_second_start_keeps_both_certificates(tmp_path: Path) -> None:
    assert _ensure(tmp_path) == _ensure(tmp_path, now=NOW + timedelta(days=300))


def test_a_certificate_near_its_end_is_renewed_under_the_same_ca(tmp_path: Path) -> None:
    ca, certificate = _ensure(tmp_path)
    ca_then, certificate_then = _ensure(tmp_path, now=NOW + timedelta(days=397 - 29))
    assert ca_then == ca
    assert certificate_then != certificate


@pytest.mark.parametrize("change", [{"domain": "other.localhost"}, {"regions": ("us-east-2", "eu-west-1")}])
def test_a_change_of_names_makes_a_new_certificate_under_the_same_ca(
    tmp_path: Path, change: dict[str, str]
) -> None:
    ca, certificate = _ensure(tmp_path)
    ca_then, certificate_then = _ensure(tmp_path, **change)  # type: ignore[arg-type]  # one of two keywords
    assert ca_then == ca
    assert certificate_then != certificate


def test_a_damaged_certificate_is_made_anew(tmp_path: Path) -> None:
    _ensure(tmp_path)
    (tmp_path / "tls/server.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\ncut")
    assert x509.load_pem_x509_certificate(_ensure(tmp_path)[1]).version is x509.Version.v3


def test_a_ca_whose_key_is_gone_is_not_replaced_behind_its_users_back(tmp_path: Path) -> None:
    _ensure(tmp_path)
    (tmp_path / "tls/ca-key.pem").unlink()
    with pytest.raises(local_ca.LocalCaError, match="Restore it from a backup"):
        _ensure(tmp_path)


def test_a_ca_with_anothers_key_is_refused(tmp_path: Path) -> None:
    _ensure(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _ensure(other)
    (other / "tls/ca-key.pem").replace(tmp_path / "tls/ca-key.pem")
    with pytest.raises(local_ca.LocalCaError, match="not a pair"):
        _ensure(tmp_path)
