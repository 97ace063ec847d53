from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from starlette.responses import Response

from moorage.console.start_page import Connection, StartPage


class Health:
    def __init__(self, **states: bool) -> None:
        self._states = states

    async def states(self) -> Mapping[str, bool]:
        return self._states


def _answer(
    method: str = "GET", path: str = "/", *, test_mode: bool = False, **states: bool
) -> Response | None:
    lines = [Connection("Clone <it>", "git clone https://host/v1/repos/NAME && echo '<script>'")]
    page = StartPage(Health(**states), ["us-east-1", "eu-west-1"], lines, test_mode=test_mode)
    scope: Any = {"type": "http", "method": method, "path": path}
    return asyncio.run(page.answer(scope))


def _page(**options: Any) -> tuple[str, Response]:
    response = _answer(**options)
    assert response is not None
    return bytes(response.body).decode(), response


def test_the_page_shows_what_works_and_what_does_not() -> None:
    html, _ = _page(database=True, git=False)
    assert re.search(r'database: <span class="good">works', html)
    assert re.search(r'git: <span class="bad">does not work', html)


def test_the_page_shows_the_lines_to_paste_escaped() -> None:
    html, _ = _page()
    assert "git clone https://host/v1/repos/NAME" in html
    assert "<script" not in html
    assert "Clone &lt;it&gt;" in html


def test_only_the_pages_own_style_passes_its_policy() -> None:
    html, response = _page()
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_on_the_page_needs_an_inline_style_or_a_script() -> None:
    class Attributes(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            del tag
            self.found += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    parser = Attributes()
    parser.feed(_page()[0])
    assert parser.found == []


def test_the_page_can_be_used_with_a_keyboard_and_in_the_dark() -> None:
    html, _ = _page()
    assert 'lang="en"' in html
    assert 'href="#main"' in html
    assert 'tabindex="0"' in html
    assert "prefers-color-scheme: dark" in html
    assert ":focus-visible" in html


def test_test_mode_is_said_loudly() -> None:
    assert "Test mode." in _page(test_mode=True)[0]
    assert "Test mode." not in _page()[0]


def test_other_paths_are_not_the_pages() -> None:
    assert _answer(path="/other") is None


def test_the_page_takes_no_posts() -> None:
    response = _answer("DELETE")
    assert response is not None
    assert response.status_code == 405
