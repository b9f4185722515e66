"""Turns a template and what it shows into one self-contained page."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def rendered(template: str, *styles: str, page: Any) -> str:
    """A page of the report.

    Args:
        template: Beside this file; it takes `page` and `style`, and escapes all that is not `Markup`.
        styles: Style sheets beside this file, in order.
        page: All that the template shows.
    """
    environment = Environment(
        loader=PackageLoader("whynet.workflows.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    loader = environment.loader
    assert loader is not None
    style = Markup("".join(loader.get_source(environment, name)[0] for name in styles))  # noqa: S704 (ours)
    return environment.get_template(template).render(page=page, style=style)
