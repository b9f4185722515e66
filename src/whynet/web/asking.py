"""What requests name: the run, a picture of it, and the forms of numbers and keys."""

import asyncio
from typing import Annotated, Literal

from fastapi import Path, Query
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request

from whynet.base.errors import AbsentError
from whynet.web.waiting import worked
from whynet.workflows.workbench.desk import Desk, Shown
from whynet.workflows.workbench.study import Study, study_of

Index = Annotated[int, Path(ge=0, le=10**8)]
Key = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
AskedClass = Annotated[int | None, Query(ge=0, le=10**8, alias="class")]
"""A class of the run by its number, where one is chosen."""
Kind = Literal["images", "uploads"]
"""Test pictures, and those that somebody brought: the beginning of their paths."""


class _KindConvertor(StringConvertor):
    regex = "images|uploads"


register_url_convertor("kind", _KindConvertor())


def desk_of(request: Request) -> Desk:
    """The run that is served."""
    desk: Desk = request.app.state.desk
    return desk


async def opened(request: Request, kind: str, key: str) -> Shown:
    """A test picture, or one that somebody brought; the first one waits until the data are open.

    Raises:
        AbsentError: There is none.
    """
    if kind == "uploads":
        return desk_of(request).upload(key)
    desk = await with_data(request)
    return await asyncio.to_thread(desk.example, int(key) if key.isdecimal() else -1)


async def with_data(request: Request) -> Desk:
    """The run with its data open, for which only the first who asks waits."""
    desk = desk_of(request)
    if not desk.is_open:
        await worked(request, desk.worker, "data", "Opening the data", desk.splits)
    return desk


def check_class(desk: Desk, class_index: int | None) -> Desk:
    """The run again, whose data are open; raises `AbsentError` if it has no class of this number."""
    num_classes = len(desk.splits().test.class_names)
    if class_index is not None and class_index >= num_classes:
        raise AbsentError(f"classes from 0 to {num_classes - 1} were expected, not {class_index}")
    return desk


async def study_asked(request: Request) -> Study:
    """The study of the run; raises `AbsentError` if there can be none."""
    return await asyncio.to_thread(study_of, await with_data(request))
