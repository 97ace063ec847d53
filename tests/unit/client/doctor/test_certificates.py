"""Settings of certificates that disagree, and those that only look so."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor_at_hand import HOST, Home

OWN, CORPORATE, BOTH, COPY = "own.pem", "corporate.pem", "both.pem", "copy.pem"
TEXTS = {OWN: "own\n", CORPORATE: "corporate\n", BOTH: "corporate\nown\n", COPY: "own\n"}
DISAGREE = ["ca-settings-disagree"]


@pytest.mark.parametrize(
    ("variables", "of_host", "of_profile", "found"),
    [
        ({}, OWN, OWN, []),
        ({"GIT_SSL_CAINFO": OWN}, OWN, "", []),
        ({"GIT_SSL_CAINFO": COPY}, OWN, "", []),  # another file, the same certificates
        ({"GIT_SSL_CAINFO": BOTH}, OWN, "", []),  # nothing is lost
        ({"GIT_SSL_CAINFO": CORPORATE}, OWN, "", DISAGREE),
        ({"AWS_CA_BUNDLE": CORPORATE}, "", OWN, DISAGREE),
        ({"AWS_CA_BUNDLE": CORPORATE}, OWN, "", DISAGREE),
        ({"REQUESTS_CA_BUNDLE": CORPORATE, "AWS_CA_BUNDLE": OWN}, OWN, "", []),  # AWS's own comes first
        ({"CURL_CA_BUNDLE": CORPORATE}, OWN, "", []),  # of curl alone, and git's is for one host
        ({"CURL_CA_BUNDLE": CORPORATE, "GIT_SSL_CAINFO": OWN}, "", "", DISAGREE),
        ({"CURL_CA_BUNDLE": CORPORATE}, "", "", []),
    ],
)
def test_certificates_agree_where_nothing_is_lost(
    variables: dict[str, str], of_host: str, of_profile: str, found: list[str], tmp_path: Path
) -> None:
    home = Home(tmp_path)
    for name, text in TEXTS.items():
        home.write(home.home / name, text)
    home.environment |= {name: str(home.home / file) for name, file in variables.items()}
    if of_host:
        home.add(home.global_config, f'[http "https://{HOST}"]\n\tsslCAInfo = {home.home / of_host}\n')
    if of_profile:
        home.add(home.config, f"ca_bundle = {home.home / of_profile}\n")
    assert home.ids() == found
