"""Pages from templates: everything is escaped, and what people wrote is kept apart from the direction of the page."""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import whynet
from whynet.workflows.report.grounding import signed

PERSON_COOKIE = "whynet-person"
_MAX_PERSON = 80


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("whynet.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["signed"] = signed
    environment.filters["percent"] = _percent
    environment.globals["version"] = whynet.__version__
    return environment


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page or a part of one.

    Args:
        request: Whose path and person the page tells.
        template: Below `templates`.
        status: Of the answer.
        values: What the template shows.
    """
    shown: Mapping[str, Any] = {
        "person": person_of(request), "path": request.url.path, "title": request.app.state.desk.title, **values,
    }  # fmt: skip
    return HTMLResponse(_environment().get_template(template).render(shown), status)


def picture(request: Request, content: bytes, media_type: str) -> Response:
    """A picture that browsers keep, asking each time whether it is still the one: runs change, and share a port."""
    mark = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"cache-control": "private, no-cache", "etag": mark}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page, and not a browser for a whole one."""
    return request.headers.get("hx-request") == "true"


def person_of(request: Request) -> str:
    """What the person at the browser calls themselves; "" where they have not said."""
    return unquote(request.cookies.get(PERSON_COOKIE, ""))[:_MAX_PERSON].strip()


def person_cookie(name: str) -> str:
    """A person's name as the value of a cookie."""
    return quote(name, safe="")


def _percent(share: float) -> str:
    """A share in percent, as in "97 %", with a space that does not break."""
    digits = 0 if 0.01 <= share <= 0.99 else 1
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
