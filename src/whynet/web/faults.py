"""Errors as answers: one place says which status each kind has, and nothing internal is ever told."""

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whynet.base.errors import (
    AbsentError,
    DataError,
    ImageError,
    MissingDependencyError,
    RunError,
    SettingError,
    StorageError,
    SubjectError,
    WhynetError,
)
from whynet.web.guard import HEADERS, TooLargeError
from whynet.web.rendering import page
from whynet.workflows.workbench.worker import Abandoned

STATUS: dict[type[WhynetError], int] = {
    AbsentError: 404,
    ImageError: 422,
    SettingError: 422,
    RunError: 409,
    DataError: 409,
    SubjectError: 409,
    StorageError: 503,
    MissingDependencyError: 503,
}
"""The nearest kind in the tree of errors counts."""
_TITLES = {404: "Not there", 409: "That did not work", 413: "Too much", 422: "Not so", 503: "Not now"}
_TITLES_OF_KINDS: dict[type[WhynetError], str] = {
    SubjectError: "The network cannot be used",
    DataError: "The pictures cannot be used",
    ImageError: "This picture cannot be used",
}
"""What tells more than the status. Never "not yet": what is wrong here does not come by itself."""
_PICTURES, _CONCEPTS = ("/images", "To the pictures"), ("/concepts", "To the concepts")
_WAYS_BACK = {
    "/images": _PICTURES, "/uploads": _PICTURES, "/concepts": _CONCEPTS, "/classes": _CONCEPTS,
    "/study": ("/study", "To the study"),
}  # fmt: skip
"""Where people go on from an error, by the beginning of its path."""
_ELSEWHERE = "names, votes and answers cannot be read or kept at the moment; the server's log says why"
_log = logging.getLogger("whynet")


def status_of(error: WhynetError) -> int:
    """The status that answers an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def add_faults(app: FastAPI) -> None:
    """Let an application answer errors so."""

    @app.exception_handler(WhynetError)
    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, WhynetError)
        status = status_of(error)
        if status >= 500:
            _log.error("%s %s failed: %s", request.method, request.url.path, error)
        text = _ELSEWHERE if isinstance(error, StorageError) else _without_paths(request, error)
        heading = next((_TITLES_OF_KINDS[kind] for kind in type(error).__mro__ if kind in _TITLES_OF_KINDS), None)
        return told(request, status, text, heading=heading)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"][1:]) or "the body"
        return told(request, 422, f"{where}: {first['msg'].lower()}; /api/openapi.json says what is expected")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, TooLargeError):  # while a form was read
            return await too_large(request, error.__cause__)
        text = "there is no such page; go on from the overview" if error.status_code == 404 else str(error.detail)
        return told(request, error.status_code, text, dict(error.headers or {}))

    @app.exception_handler(TooLargeError)
    async def too_large(request: Request, _error: Exception) -> Response:
        return told(request, 413, "more came than is taken here; send less")

    @app.exception_handler(Abandoned)
    async def left(_request: Request, _error: Exception) -> Response:
        return Response(status_code=499)

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        response = told(request, 500, "something went wrong on the server, whose log says what; nothing was changed")
        response.headers.update({**HEADERS, "cache-control": "no-store"})  # this answer passes the guard by
        return response


def _without_paths(request: Request, error: WhynetError) -> str:
    """What an error says, the run by its name alone: where it lies is nobody's business."""
    desk = request.app.state.desk
    text = str(error)
    for folder in (str(desk.run.folder.resolve()), str(desk.run.folder)):
        text = text.replace(folder, desk.title)
    return text


def told(
    request: Request, status: int, text: str, headers: dict[str, str] | None = None, heading: str | None = None
) -> Response:
    """An error for a program as JSON, for a person as a page or a part of one, with the ways back."""
    if request.url.path.startswith("/api"):
        return JSONResponse({"error": text}, status, headers)
    is_part = request.headers.get("hx-request") == "true"
    template = "parts/fault.html.jinja" if is_part else "fault.html.jinja"
    heading = heading or _TITLES.get(status, "Something is wrong")
    first = "/" + request.url.path.split("/")[1]
    response = page(request, template, status, heading=heading, text=text, back=_WAYS_BACK.get(first))
    response.headers.update(headers or {})
    return response
