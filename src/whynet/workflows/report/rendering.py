"""Turns a template and what it shows into one self-contained page."""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def spaced(text: str) -> str:
    """A text whose percent signs stand a space off their numbers, as on all pages: "90 %"."""
    return re.sub(r"(?<=\d)%", "\N{NO-BREAK SPACE}%", text)


def rendered(template: str, *styles: str, page: Any) -> str:
    """A page of the report.

    Args:
        template: Beside this file; it takes `page` and `style`, and escapes all that is not `Markup`. The filter
            `spaced` is for texts that the terminal shows, too, where it is "90%".
        styles: Style sheets beside this file, in order.
        page: All that the template shows.
    """
    templates = environment()
    return templates.get_template(template).render(page=page, style=style(templates, *styles))


def environment() -> Environment:
    """What reads the templates beside this file; an undefined name is an error."""
    templates = Environment(
        loader=PackageLoader("whynet.workflows.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    templates.filters["spaced"] = spaced
    return templates


def style(templates: Environment, *names: str) -> Markup:
    """Style sheets beside this file, one after another."""
    loader = templates.loader
    assert loader is not None
    return Markup("".join(loader.get_source(templates, name)[0] for name in names))  # noqa: S704 (ours)
