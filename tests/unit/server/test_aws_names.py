from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from moorage.server import aws_names, local_ca
from moorage.server.listeners import AlsoServed, TlsContext
from moorage.wire.regions import Regions

REGIONS = Regions()
NOW = datetime.now(UTC)
GIT = "git-codecommit.us-east-2.amazonaws.com"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with both CAs."""
    folder = tmp_path_factory.mktemp("data")
    local_ca.ensure(folder, "amazonaws.com.localhost", ["us-east-2"], NOW)
    aws_names.ensure(folder, REGIONS, NOW)
    return folder


def permitted(data: Path) -> list[str]:
    ca = x509.load_pem_x509_certificate(aws_names.files(data).ca.read_bytes())  # type: ignore[union-attr]  # it has one
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    return [str(name.value) for name in constraints.value.permitted_subtrees or ()]


def handshake(data: Path, name: str, ca: Path) -> str:
    """Shake hands within this process; return why it failed, nothing if it did not."""
    made = aws_names.files(data)
    also = AlsoServed(frozenset(aws_names.names(REGIONS)), TlsContext(made.certificate, made.key))
    context = TlsContext(data / "tls/server.pem", data / "tls/server-key.pem", also).context
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = ssl.create_default_context(cafile=str(ca)).wrap_bio(to_client, to_server, server_hostname=name)
    for _turn in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return ""


def test_the_ca_vouches_for_the_four_services_of_each_region_and_nothing_else(data: Path) -> None:
    names = permitted(data)
    assert names == aws_names.names(REGIONS)
    for region in REGIONS:
        for service in ("git-codecommit", "codecommit", "sts", "kms"):
            assert f"{service}.{region}.{REGIONS.dns_suffix(region)}" in names
    assert {"iam.amazonaws.com", "sts.amazonaws.com", "git-codecommit-fips.us-gov-west-1.amazonaws.com"} < {
        *names
    }
    # A constraint covers every name below it as well: none may be a parent of another service's names.
    assert all(
        name.split(".")[0].split("-fips")[0] in {"git-codecommit", "codecommit", "sts", "kms", "iam"}
        for name in names
    )


def test_each_name_is_one_that_the_doors_understand() -> None:
    assert [name for name in aws_names.names(REGIONS) if REGIONS.parse_host(name) is None] == []


def test_a_client_that_asks_for_awss_name_is_shown_the_certificate_for_it(data: Path) -> None:
    aws_ca, own_ca = data / "aws-names-ca.pem", data / "ca.pem"
    assert handshake(data, GIT, aws_ca) == ""
    assert handshake(data, GIT.upper(), aws_ca) == ""
    assert handshake(data, "iam.amazonaws.com", aws_ca) == ""
    assert handshake(data, "localhost", own_ca) == ""


def test_neither_ca_vouches_for_what_is_the_others(data: Path) -> None:
    assert handshake(data, GIT, data / "ca.pem") != ""
    assert handshake(data, "localhost", data / "aws-names-ca.pem") != ""
    assert handshake(data, "s3.us-east-2.amazonaws.com", data / "aws-names-ca.pem") != ""


def test_a_stolen_key_makes_no_certificate_for_another_host_of_aws(tmp_path: Path, data: Path) -> None:
    ca_file = data / "aws-names-ca.pem"
    ca = local_ca.ensure_ca(ca_file, data / "tls/aws-names-ca-key.pem", "", [], NOW)
    certificate, key = tmp_path / "stolen.pem", tmp_path / "stolen-key.pem"
    local_ca.ensure_certificate(
        certificate, key, ca, local_ca.Vouched("x", ["s3.us-east-2.amazonaws.com"]), NOW
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(one, other, server_side=True)
    client = ssl.create_default_context(cafile=str(ca_file)).wrap_bio(
        other, one, server_hostname="s3.us-east-2.amazonaws.com"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        client.do_handshake()


def test_keys_are_readable_by_their_owner_only(data: Path) -> None:
    for name in ("aws-names-ca-key.pem", "aws-names-key.pem"):
        assert stat.S_IMODE((data / "tls" / name).stat().st_mode) == 0o600


def test_a_second_start_keeps_the_ca_and_leaves_a_new_region_out(tmp_path: Path) -> None:
    made = aws_names.ensure(tmp_path, REGIONS, NOW)
    before = permitted(tmp_path), made.certificate.read_bytes()
    aws_names.ensure(tmp_path, REGIONS, NOW)
    aws_names.ensure(tmp_path, Regions(["local-lab-1"]), NOW)
    assert (permitted(tmp_path), made.certificate.read_bytes()) == before
