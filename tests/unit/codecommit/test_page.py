"""The CodeCommit API is whole, and its page names every module of it."""

from __future__ import annotations

from pathlib import Path

from moorage.services.codecommit import codecommit

PAGE = Path(__file__).parents[3] / "docs" / "mechanisms" / "codecommit-api.md"


def test_every_operation_of_the_model_is_there() -> None:
    assert codecommit.missing() == ()


def test_every_module_of_the_service_is_on_the_page() -> None:
    import moorage.services.codecommit as package

    folder = Path(package.__path__[0])
    page = PAGE.read_text()
    unnamed = {"__init__.py", "service.py"}
    assert all(f"`{file.name}`" in page for file in folder.glob("*.py") if file.name not in unnamed)
