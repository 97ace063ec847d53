from __future__ import annotations

import re

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from moorage.client import signing_hosts
from moorage.client.signing_hosts import allowed, aws_region, hosts_path, region_told, with_host, without_host

PARTITIONS = Loader().load_data("endpoints")["partitions"]
OF_CODECOMMIT = [
    (region, partition["dnsSuffix"])
    for partition in PARTITIONS
    for region in partition["services"].get("codecommit", {}).get("endpoints", {})
    if region in partition["regions"]
]
FILE = "# mine\n\ngit.example.org region=eu-west-1\n*.moor.example:8443\nlocalhost:8080\n[::1]:8443\n"


@pytest.mark.parametrize(("region", "suffix"), OF_CODECOMMIT)
def test_every_region_of_codecommit_that_botocore_knows_has_its_names(region: str, suffix: str) -> None:
    assert aws_region(f"git-codecommit.{region}.{suffix}") == region
    assert aws_region(f"git-codecommit-fips.{region}.{suffix}") == region
    assert aws_region(f"vpce-0b47ea360adebf88a-jkl88hez.git-codecommit.{region}.vpce.{suffix}") == region
    assert (
        aws_region(f"vpce-0b47ea360adebf88a-jkl88hez-{region}a.git-codecommit-fips.{region}.vpce.{suffix}")
        == region
    )


def test_every_region_of_a_partition_with_codecommit_would_be_one() -> None:
    for partition in PARTITIONS:
        for region in partition["regions"] if "codecommit" in partition["services"] else ():
            assert aws_region(f"git-codecommit.{region}.{partition['dnsSuffix']}") == region


@given(st.sampled_from(OF_CODECOMMIT), st.integers(0, 60), st.characters(exclude_characters="\n"))
def test_no_name_is_near_enough(place: tuple[str, str], at: int, character: str) -> None:
    name = f"git-codecommit.{place[0]}.{place[1]}"
    at = min(at, len(name))
    changed = name[:at] + character + name[at:]
    # What is still allowed is another region's name, never another domain's.
    region = allowed(changed, "https", "")
    if region is not None and ":" not in changed:
        assert changed.split(".")[1] == region[0]
        assert changed.split(".", 2)[2] == place[1]


@pytest.mark.parametrize(
    ("host", "protocol", "regions"),
    [
        ("git.example.org", "https", ("", "eu-west-1")),
        ("git.example.org:443", "https", ("", "eu-west-1")),
        ("git.example.org:8443", "https", None),
        ("git.example.org", "http", None),
        ("a.git.example.org", "https", None),
        ("git-codecommit.mars-1.moor.example:8443", "https", ("mars-1", "")),
        ("git-codecommit-fips.eu-west-1.moor.example:8443", "https", ("eu-west-1", "")),
        ("git-codecommit.eu-west-1.moor.example", "https", None),
        ("git-codecommit.eu-west-1.x.moor.example:8443", "https", None),
        ("git-codecommit..moor.example:8443", "https", None),
        ("console.eu-west-1.moor.example:8443", "https", None),
        ("moor.example:8443", "https", None),
        ("localhost:8080", "http", ("", "")),
        ("localhost:8080", "https", ("", "")),
        ("localhost", "http", None),
        ("[::1]:8443", "http", ("", "")),
        ("[::1]", "https", None),
    ],
)
def test_the_hosts_file_allows_what_it_names(
    host: str, protocol: str, regions: tuple[str, str] | None
) -> None:
    assert allowed(host, protocol, FILE) == regions


@pytest.mark.parametrize(
    "line",
    [
        "#git.example.org",
        "git.example.org region",
        "git.example.org region=",
        "git.example.org colour=red",
        "git.example.org region=a region=b",
        "git.example.org region=EU/1",
        "https://git.example.org",
        "*",
        "*.",
        "**.example.org",
        "git.*.org",
        "git.example.org:",
        "@git.example.org",
    ],
)
def test_a_line_that_is_not_understood_allows_nothing(line: str) -> None:
    assert allowed("git.example.org", "https", line) is None
    assert allowed("git-codecommit.eu-west-1.git.example.org", "https", line) is None


def test_a_file_of_windows_reads_alike() -> None:
    assert allowed("git.example.org", "https", FILE.replace("\n", "\r\n")) == ("", "eu-west-1")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("localhost", True),
        ("a.b.localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("[::1]", True),
        ("127.0.0.256", False),
        ("127.0.0", False),
        ("127.0.0.1.example", False),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("[::2]", False),
        ("127.0.0.\u0661", False),
    ],
)
def test_only_the_machine_itself_is_loopback(name: str, is_one: bool) -> None:
    assert signing_hosts.is_loopback(name) is is_one


def test_a_host_is_added_once_and_its_region_changed_in_place() -> None:
    text = with_host(FILE, "new.example:8443", "us-east-1")
    assert text == FILE + "new.example:8443 region=us-east-1\n"
    assert with_host(text, "new.example:8443", "us-east-1") == text
    changed = with_host(text, "git.example.org", "sa-east-1")
    assert changed == text.replace("git.example.org region=eu-west-1", "git.example.org region=sa-east-1")
    assert with_host(changed, "git.example.org", None).count("git.example.org\n") == 1
    assert with_host("", "*.Moor.Example", None) == "*.moor.example\n"
    assert with_host("no.newline", "a.example", None) == "no.newline\na.example\n"


def test_a_host_is_taken_away_with_nothing_else() -> None:
    assert without_host(FILE, "*.moor.example:8443") == FILE.replace("*.moor.example:8443\n", "")
    assert without_host(FILE, "moor.example:8443") == FILE


@pytest.mark.parametrize("host", ["", "https://x", "a b", "a\nb.example", "*.*.x", "x:y", "a@b", "x#y"])
def test_what_is_no_host_is_not_added(host: str) -> None:
    with pytest.raises(ValueError, match="no host"):
        with_host(FILE, host, None)
    with pytest.raises(ValueError, match="no region"):
        with_host(FILE, "a.example", "x y")


def test_the_hosts_file_is_where_each_system_keeps_settings() -> None:
    assert hosts_path({}, "/home/a", windows=False) == "/home/a/.config/moorage/hosts"
    assert hosts_path({"XDG_CONFIG_HOME": "/x"}, "/home/a", windows=False) == "/x/moorage/hosts"
    assert hosts_path({"XDG_CONFIG_HOME": "x"}, "/home/a", windows=False) == "/home/a/.config/moorage/hosts"
    assert hosts_path({"APPDATA": "C:\\R"}, "C:\\U", windows=True) == "C:\\R\\moorage\\hosts"
    assert hosts_path({}, "C:\\U", windows=True) == "C:\\U\\AppData\\Roaming\\moorage\\hosts"


OF_THE_AWS_CLI = re.compile(r"(vpce-.+\.)?git-codecommit(-fips)?\.([^.]+)\.(vpce\.)?amazonaws\.com")
LABELS = st.sampled_from(
    [
        "vpce-",
        "vpce-a",
        "x",
        ".",
        ".",
        "git-codecommit",
        "-fips",
        "eu-west-1",
        "vpce",
        "amazonaws",
        "com",
        "cn",
        ":1",
    ]
)


@given(st.lists(LABELS, max_size=14).map("".join))
def test_the_region_told_is_the_aws_clis(host: str) -> None:
    told = OF_THE_AWS_CLI.match(host)
    assert region_told(host) == (told.group(3) if told else None)


@pytest.mark.parametrize(
    "host",
    [
        "git-codecommit.eu-west-1.amazonaws.com.localhost:8443",
        "vpce-a.git-codecommit.x.amazonaws.com.git-codecommit-fips.y.vpce.amazonaws.com",
        "vpce-.git-codecommit.x.amazonaws.com",
        "git-codecommit.vpce.vpce.amazonaws.com",
        "git-codecommit.vpce.amazonaws.com",
    ],
)
def test_the_region_told_in_corners_is_the_aws_clis(host: str) -> None:
    test_the_region_told_is_the_aws_clis.hypothesis.inner_test(host)  # type: ignore[attr-defined]  # hypothesis'


WORDS = st.sampled_from(
    ["git.example", "a.git.example", "*.git.example", "git-codecommit.eu-west-1.git.example"]
)
PORTS = st.sampled_from(["", ":443", ":80", ":8443"])
FILES = st.lists(
    st.tuples(st.sampled_from(["", "# "]), WORDS, PORTS, st.sampled_from(["", " region=x", " what"])).map(
        "".join
    )
).map("\n".join)


@given(FILES, WORDS.filter(lambda word: "*" not in word), PORTS)
def test_whatever_the_file_holds_only_a_line_for_that_very_host_and_port_lets_it_in(
    text: str, word: str, port: str
) -> None:
    host = word + port
    told = allowed(host, "https", text)
    own = re.escape(word) + ("(?::443)?" if port in {"", ":443"} else re.escape(port))
    domain = re.escape(word.split(".", 2)[-1]) if word.startswith("git-codecommit.") else "$^"
    below = r"\*\." + domain + own.removeprefix(re.escape(word))
    assert (told is not None) == bool(re.search(rf"^(?:{own}|{below})(?: region=x)?$", text, re.MULTILINE))
