"""The server: one run, its pages and its API behind the guard."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib.resources import files

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

import whynet
from whynet.base.errors import AbsentError
from whynet.web import api, concept_pages, picture_pages, run_pages, study_api, study_pages
from whynet.web.faults import add_faults
from whynet.web.guard import Guard
from whynet.workflows.workbench.desk import Desk
from whynet.workflows.workbench.uploads import MAX_BYTES

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
_STATIC = {
    "htmx.min.js": ("whynet.web", "static", "text/javascript"),
    "workbench.js": ("whynet.web", "static", "text/javascript"),
    "workbench.css": ("whynet.web", "static", "text/css"),
    "report.css": ("whynet.workflows.report", "", "text/css"),
}
"""All files that pages load, with where they are and their type; nothing else is ever read for a request."""
_THREADS = 8
"""That answer at once, and as many that write to the store; others queue in the order in which they came. With more of
them, threads mostly wait for each other: with 40, votes of 50 people at once took twice as long."""
_TELLS_NOBODY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""Else each request looks whether somebody collects them, which is a seventh of a vote."""
_FORM = 4096
"""What a form takes around the picture that it brings."""


def create_app(desk: Desk, *, token: str | None = None, hosts: Collection[str] = LOCAL_HOSTS) -> FastAPI:
    """The application that serves a desk.

    Args:
        desk: The run; it is closed when the application ends.
        token: What everyone must know; None: nobody is asked, which is for this machine alone.
        hosts: Names under which browsers may ask.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = _THREADS
        yield
        await asyncio.to_thread(desk.close)

    MultiPartParser.spool_max_size = MAX_BYTES + _FORM  # in memory, never in a file of its own
    uploads = dict.fromkeys(("/uploads", "/api/uploads"), MAX_BYTES + _FORM)
    app = FastAPI(
        title=f"whynet: {desk.title}", version=whynet.__version__, openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None, lifespan=lifespan, telemetry=_TELLS_NOBODY,
        middleware=[Middleware(Guard, hosts=hosts, token=token, large=uploads)],
    )  # fmt: skip
    app.state.desk, app.state.is_ending = desk, lambda: False
    app.state.writers = CapacityLimiter(_THREADS)
    add_faults(app)

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str, _request: Request) -> Response:
        if name not in _STATIC:
            raise AbsentError("there is no such file; go on from the overview")
        package, folder, kind = _STATIC[name]
        content = files(package).joinpath(folder, name).read_bytes()
        return Response(content, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    # Pictures last: the paths of others would be taken for theirs.
    for module in (api, study_api, run_pages, concept_pages, study_pages, picture_pages):
        app.include_router(module.router)
    return app
