"""What the tests of several pages look for."""

import re
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def tight_percents() -> Callable[[str], list[str]]:
    """Finds what a page shows or reads out in which a percent sign touches its number."""

    def found(page: str) -> list[str]:
        text = re.sub(r"<style>.*?</style>|<!--.*?-->", " ", page, flags=re.DOTALL)
        told = re.findall(r'(?:title|alt|aria-label)="([^"]*)"', text)
        return [piece for piece in (*re.findall(r">([^<]*)", text), *told) if re.search(r"\d%", piece)]

    return found
