"""AWS's two files, `config` and `credentials`, read as botocore reads them.

By hand, because the credential helper reads them in every run and `configparser` would take longer
than all the rest of it. A property test compares the two. What `configparser` refuses is refused
here, with the line: a half-read file could name the wrong account.

Source: botocore's `configloader`, Python's `configparser` (RawConfigParser, strict).
"""

from __future__ import annotations

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping

    Sections = dict[str, dict[str, str]]

DEFAULT_PROFILE = "default"
# What a value cannot be larger than: a file of this size is no file of AWS's.
MOST_BYTES = 4 << 20

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHARED = "DEFAULT"  # configparser's section whose keys every other section has as well


class Unreadable(Exception):
    """A file cannot be read or understood; the text names the file, the line and the reason."""


def profile_of(environment: Mapping[str, str], flag: str | None) -> str:
    """Return the profile in use. With both variables set the AWS CLI v2's order holds, not v1's."""
    return flag or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or DEFAULT_PROFILE


def config_path(environment: Mapping[str, str]) -> str:
    return expanded(environment.get("AWS_CONFIG_FILE") or _in_home(environment, "config"), environment)


def credentials_path(environment: Mapping[str, str]) -> str:
    named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
    return expanded(named or _in_home(environment, "credentials"), environment)


def home(environment: Mapping[str, str]) -> str:
    """Return the user's home as Python's `expanduser` finds it: USERPROFILE on Windows, else HOME."""
    import sys  # at hand already; named here because only this function asks

    if sys.platform == "win32":
        drive = environment.get("HOMEDRIVE", "")
        return environment.get("USERPROFILE") or drive + environment.get("HOMEPATH", "")
    found = environment.get("HOME")
    if found:
        return found
    import os  # only for a process without HOME
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def expanded(path: str, environment: Mapping[str, str]) -> str:
    """Return a path with `~` and the environment's variables put in, as botocore does."""
    if "$" in path or "%" in path:
        import os.path  # nearly nobody has them, and it knows what holds on each system

        path = os.path.expandvars(path)
    if path == "~" or path.startswith(("~/", "~\\")):
        path = home(environment) + path[1:]
    return path


def read(path: str) -> Sections:
    """Return a file's sections, each with its keys in lower case; without a file, none.

    A value of several lines keeps them, joined by newlines: `nested` reads such a one further.

    Raises:
        Unreadable: there is something, and it cannot be read or understood.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib takes longer than the whole run
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MOST_BYTES:
        raise Unreadable(f"{path} is larger than {MOST_BYTES} bytes")
    try:
        text = content.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"{path}, line {line}: this is not UTF-8") from None
    return parse(text, path)


def parse(text: str, path: str = "the file") -> Sections:
    """Return the sections of a text; `path` is what an error names."""
    gathered: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] | None = None
    option: list[str] | None = None
    indent = 0
    # Universal newlines, and no others: `splitlines` would end a line at U+2028 too.
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        bare = line.strip()
        if not bare:
            if option is not None:
                option.append("")
            continue
        if bare[0] in "#;":
            continue
        deep = len(line) - len(line.lstrip())
        if section is not None and option is not None and deep > indent:
            option.append(bare)
            continue
        indent = deep
        end = bare.rfind("]")
        if bare[0] == "[" and end > 1:
            section, option = _opened(gathered, bare[1:end], f"{path}, line {number}"), None
        else:
            option = _added(section, bare, f"{path}, line {number}")
    return _joined(gathered)


def _opened(gathered: dict[str, dict[str, list[str]]], name: str, place: str) -> dict[str, list[str]]:
    if name in gathered and name != _SHARED:
        raise Unreadable(f"{place}: section [{name}] is there twice")
    return gathered.setdefault(name, {})


def _added(section: dict[str, list[str]] | None, bare: str, place: str) -> list[str]:
    if section is None:
        raise Unreadable(f"{place}: there is no section before it, as [default]")
    ends = [end for end in (bare.find("="), bare.find(":")) if end >= 0]
    if not ends or min(ends) == 0:
        raise Unreadable(f"{place}: this is no KEY = VALUE")
    key = bare[: min(ends)].rstrip().lower()
    if key in section:
        raise Unreadable(f"{place}: {key} is there twice in its section")
    section[key] = [bare[min(ends) + 1 :].strip()]
    return section[key]


def _joined(gathered: dict[str, dict[str, list[str]]]) -> Sections:
    made = {
        name: {key: "\n".join(lines).rstrip() for key, lines in options.items()}
        for name, options in gathered.items()
    }
    shared = made.pop(_SHARED, {})
    return {name: {**shared, **options} for name, options in made.items()} if shared else made


def nested(value: str) -> dict[str, str]:
    """Return the settings within a value, as `s3 =` and `codecommit =` have them on deeper lines."""
    pairs = [line.partition("=") for line in value.split("\n") if line.strip()]
    return {key.strip(): inner.strip() for key, equals, inner in pairs if equals}


def profiles_of(config: Sections) -> Sections:
    """Return the profiles of a config file by name: [default], [profile NAME], [profile 'A NAME']."""
    made: Sections = {}
    for title, values in config.items():
        if title.startswith("profile"):
            name = second_word(title)
            if name is not None:
                made[name] = values
        elif title == DEFAULT_PROFILE:
            made[title] = values
    return made


def named(config: Sections, kind: str) -> Sections:
    """Return the sections [KIND NAME] of a config file by name, as `sso-session` and `services`."""
    words = ((second_word(title), values) for title, values in config.items() if title.startswith(kind))
    return {name: values for name, values in words if name is not None}


def second_word(title: str) -> str | None:
    """Return the second of a title's two words as a shell would read them; None with fewer or more."""
    words = [word for word in title.replace("\t", " ").replace("\r", " ").split(" ") if word]
    if any(character in title for character in "'\"\\"):
        name = title.partition(" ")[2]
        if name[:1] in {"'", '"'} and title[0] not in "'\" " and _is_plain(title, name):
            return name[1:-1]
        import shlex  # only for what is quoted in some other way

        try:
            words = shlex.split(title)
        except ValueError:
            return None
    return words[1] if len(words) == 2 else None


def _is_plain(title: str, name: str) -> bool:
    """Tell whether a title is a word and a name that is quoted as a whole, with no other quotes."""
    return (
        "\\" not in title
        and len(name) > 1
        and name[-1] == name[0]
        and title.count("'") + title.count('"') == 2
        and not any(blank in title.partition(" ")[0] for blank in "\t\r\n")
    )


def _in_home(environment: Mapping[str, str], name: str) -> str:
    folder = home(environment)
    return f"{folder}/.aws/{name}"
