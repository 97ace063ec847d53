from __future__ import annotations

from pathlib import Path

from moorage.server.options import DEFAULT_DOMAIN, OPTIONS
from moorage.server.options_page import render
from moorage.wire import regions

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_settings_is_the_one_the_table_makes() -> None:
    assert (DOCS / "settings.md").read_text() == render()


def test_every_setting_has_a_heading() -> None:
    page = render()
    for option in OPTIONS:
        assert f"\n## {option.flag}\n" in page


def test_the_default_domain_is_the_wires() -> None:
    assert DEFAULT_DOMAIN == regions.DEFAULT_DOMAIN
