"""Git's credential protocol: lines of KEY=VALUE from Git to a helper, and back.

Read strictly. What a hostile URL or server got into a value must not become a line of its own, nor
change what another line says: so no byte but a newline ends a line, no key counts twice, and a
carriage return, a NUL or an over-long message is refused whole.

Source: git-credential(1), "INPUT/OUTPUT FORMAT"; CVE-2020-5260, CVE-2020-11008, CVE-2024-52006 and
CVE-2026-82249 for what went wrong elsewhere.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 256 << 10


class Malformed(Exception):
    """The message is none that Git would write. The text says why and repeats nothing of it."""


class Request:
    """What Git asks for: to sign in to `protocol`://`host`/`path`."""

    __slots__ = ("capabilities", "host", "path", "protocol", "states")

    def __init__(
        self,
        protocol: str,
        host: str,
        path: str,
        capabilities: Iterable[str] = (),
        states: Iterable[str] = (),
    ) -> None:
        self.protocol = protocol
        self.host = (
            host  # with its port, as typed in the URL; empty where it is about no host, as a certificate
        )
        self.path = path  # without the slash before it; empty without `credential.useHttpPath`
        self.capabilities = tuple(capabilities)  # what this Git understands, from 2.46
        self.states = tuple(states)  # what helpers answered before, when their answer was refused


def parse(content: bytes) -> Request:
    """Return the request in a message.

    A message all of whose lines end in CR LF counts as one with LF: people test helpers by hand.

    Raises:
        Malformed: there is anything in it that Git does not write.
    """
    single, lists = _read(_lines(content))
    for key in ("protocol", "host", "path"):
        value = single.get(key, "")
        if any(character < " " or character == "\x7f" for character in value):
            raise Malformed(f"the {key} holds a control character")
    if not single.get("protocol"):
        raise Malformed("it has no protocol")
    return Request(
        single["protocol"],
        single.get("host", ""),
        single.get("path", ""),
        lists.get("capability[]", ()),
        lists.get("state[]", ()),
    )


def _lines(content: bytes) -> list[str]:
    if len(content) > MOST_BYTES:
        raise Malformed(f"it is longer than {MOST_BYTES} bytes")
    if b"\0" in content:
        raise Malformed("it holds a NUL")
    if b"\r" in content:
        if content.count(b"\r") != content.count(b"\n") or content.count(b"\r\n") != content.count(b"\n"):
            raise Malformed("it holds a carriage return")
        if not content.endswith(b"\n"):
            raise Malformed("it holds a carriage return")
        content = content.replace(b"\r\n", b"\n")
    message, _, after = content.partition(b"\n\n")  # an empty line ends a message
    if after.strip(b"\n"):
        raise Malformed("there is more after its end")
    # Undecodable bytes are kept as they are: a path may have any.
    return [line for line in message.decode("utf-8", "surrogateescape").split("\n") if line]


def _read(lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    single: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or not key:
            raise Malformed("a line of it is no KEY=VALUE")
        if key.endswith("[]"):
            if value:
                lists.setdefault(key, []).append(value)
            else:
                lists[key] = []  # an empty value takes back what was said before
        elif key in single:
            raise Malformed("a key is there twice")
        else:
            single[key] = value
    return single, lists


def render(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return an answer as Git reads it: newlines alone, on every system.

    Raises:
        Malformed: a value would end its line.
    """
    lines = []
    for key, value in pairs:
        if any(character < " " or character == "\x7f" for character in value):
            raise Malformed(f"the {key} holds a control character")
        lines.append(f"{key}={value}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
