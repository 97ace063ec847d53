"""The page on the CodeCommit API says which operations there are."""

from __future__ import annotations

from pathlib import Path

from moorage.services.codecommit import codecommit

PAGE = Path(__file__).parents[3] / "docs" / "mechanisms" / "codecommit-api.md"
BEGIN = "<!-- operations: written by tests/unit/codecommit/test_page.py -->\n"
END = "<!-- end of operations -->"


def operations() -> str:
    there, missing = sorted(codecommit.operations), sorted(codecommit.missing())
    return f"""\
| | operations |
|---|---|
| there, {len(there)} of {len(there) + len(missing)} | {", ".join(there)} |
| not yet | {", ".join(missing)} |
"""


def test_the_page_has_the_table_of_operations_as_it_is_now() -> None:
    written = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    wanted = operations()
    assert written == wanted, f"put this between the two comments of {PAGE.name}:\n{wanted}"


def test_every_module_of_the_service_is_on_the_page() -> None:
    import moorage.services.codecommit as package

    folder = Path(package.__path__[0])
    page = PAGE.read_text()
    unnamed = {"__init__.py", "service.py"}
    assert all(f"`{file.name}`" in page for file in folder.glob("*.py") if file.name not in unnamed)
