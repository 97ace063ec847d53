"""The settings as command-line options, from the table in `moorage.server.options`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from moorage.server.options import OPTIONS, Option


def add(parser: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Add the options named (all by default), and --config.

    An option that is not given leaves nothing in the namespace, so that the environment and the file
    have their say.
    """
    wanted = None if names is None else set(names)
    group = parser.add_argument_group(
        "settings",
        "Each is also an environment variable (--cache-size: MOORAGE_CACHE_SIZE) and a key of the TOML file "
        "(cache_size). The flag wins over the variable, the variable over the file.",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        default=None,
        help="TOML file with settings; also MOORAGE_CONFIG (default: DATA/moorage.toml, if there is one)",
    )
    for option in OPTIONS:
        if wanted is None or option.name in wanted:
            _add(group, option)


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    text = f"{option.help} (default: {option.default})".replace("%", "%%")
    if option.metavar is None:
        group.add_argument(
            option.flag,
            dest=option.name,
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=text,
        )
    elif option.repeatable:
        group.add_argument(
            option.flag,
            dest=option.name,
            metavar=option.metavar,
            action="append",
            default=argparse.SUPPRESS,
            help=text,
        )
    else:
        metavar = "|".join(option.choices) or option.metavar
        group.add_argument(
            option.flag, dest=option.name, metavar=metavar, default=argparse.SUPPRESS, help=text
        )


def given(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options that stand on the command line."""
    names = {option.name for option in OPTIONS}
    return {name: value for name, value in vars(arguments).items() if name in names}
