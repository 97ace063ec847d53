"""Writes docs/settings.md from the table of settings.

Run `python3 -m moorage.server.options_page > docs/settings.md` after changing the table.
"""

from __future__ import annotations

import sys

from moorage.server.options import OPTIONS, Option

_HEAD = """# Settings

<!-- Made by `python3 -m moorage.server.options_page`; a test holds it to the code. -->

Every setting of `moorage serve` can be given in three ways. A flag wins over an environment variable, that
over the TOML file, that over the default.

- a flag: `--cache-size 50G`
- an environment variable: `MOORAGE_CACHE_SIZE=50G`; several values are separated by commas, an empty one
  counts as not given
- a key of the TOML file: `cache_size = "50G"`; several values are an array. The file is the one that
  `--config` or `MOORAGE_CONFIG` names, else `moorage.toml` in the data folder if it is there

A wrong value, an unknown key of the file, and values that do not go together end the start with one line
that names the setting, the value and what to do. Sizes take K, M, G and T (1024 each), durations s, m, h
and d.

Two more variables are read at the first start only, and never from a file:
`MOORAGE_ROOT_ACCESS_KEY_ID` and `MOORAGE_ROOT_SECRET_ACCESS_KEY`, the access key that the root user of the
first account shall have. Without them one is made and written to `DATA/root-credentials.csv`.

"""


def render() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_section(option) for option in OPTIONS)


def _section(option: Option) -> str:
    value = f" {option.metavar}" if option.metavar else ""
    lines = [f"## {option.flag}", "", f"{option.help[0].upper()}{option.help[1:]}.", ""]
    lines += [
        f"- flag: `{option.flag}{value}`" + (f", `--no-{option.flag[2:]}`" if not option.metavar else "")
    ]
    lines += [f"- variable: `{option.variable}`; key: `{option.name}`"]
    lines += [
        f"- takes: {option.expects}",
        f"- default: {option.default}",
        f"- example: `{option.example}`",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render())
