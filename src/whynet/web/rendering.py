"""Pages from templates: everything is escaped, and what people wrote is kept apart from the direction of the page."""

import io
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import whynet
from whynet.attribution.overlay import resized
from whynet.base.explanation import with_article
from whynet.base.types import Picture
from whynet.web.typesetting import number, percent, signed, typeset
from whynet.workflows.workbench.study import part_title

PERSON_COOKIE = "whynet-person"
_MAX_PERSON = 80
SIDES = {"small": 192, "large": 896}
"""Longest side of a picture in pixels, by how it is shown."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("whynet.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"signed": signed, "percent": percent, "number": number, "typeset": typeset}
    environment.filters |= {"with_article": with_article, "part_title": part_title}
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
    desk = request.app.state.desk
    shown: Mapping[str, Any] = {
        "person": person_of(request), "path": request.url.path, "title": desk.title,
        "has_study": lambda: desk.has_study, **values,
    }  # fmt: skip
    return HTMLResponse(_environment().get_template(template).render(shown), status)


def picture(request: Request, content: bytes, media_type: str) -> Response:
    """A picture that browsers keep, asking each time whether it is still the one: runs change, and share a port."""
    mark = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"cache-control": "private, no-cache", "etag": mark}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def jpeg(picture: Picture, side: int) -> bytes:
    """A picture as a JPEG whose longest side has so many pixels; a small one is enlarged to half of that at most."""
    stream = io.BytesIO()
    Image.fromarray(resized(picture, min(side, max(side // 2, *picture.shape[:2])))).save(
        stream, format="jpeg", quality=90
    )
    return stream.getvalue()


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page, and not a browser for a whole one."""
    return request.headers.get("hx-request") == "true"


def person_of(request: Request) -> str:
    """What the person at the browser calls themselves; "" where they have not said."""
    return unquote(request.cookies.get(PERSON_COOKIE, ""))[:_MAX_PERSON].strip()


def person_cookie(name: str) -> str:
    """A person's name as the value of a cookie."""
    return quote(name, safe="")
