"""The pages of the human study: one map at a time without its name, and what everyone's ticks come to."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whynet.base.errors import RunError
from whynet.web.asking import desk_of, study_asked
from whynet.web.concept_pages import concept_png
from whynet.web.rendering import page, person_of
from whynet.web.run_pages import check_person
from whynet.web.writing import written
from whynet.workflows.workbench.desk import Desk
from whynet.workflows.workbench.study import Item, Study, results_now

router = APIRouter(include_in_schema=False)
_NEITHER = "Nothing was ticked, so nothing was kept. Tick what is bright, or “nothing is bright”."
_BOTH = "Parts and “nothing is bright” were ticked together, so nothing was kept. Tick one or the other."


@router.get("/study")
async def study(request: Request, place: Annotated[int | None, Query(ge=0, le=10**6)] = None) -> Response:
    """The next map that a person has not answered, one that they go back to, or what the study is about."""
    person, own = person_of(request), await study_asked(request)
    if person and place is not None:
        _at(own, person, place)
    return await _asking(request, own, place)


@router.get("/study/map/{place}.png")
async def shown_map(request: Request, place: int) -> Response:
    """The map at a place of a person's own order, whose address tells nothing of what it is of."""
    item = _at(await study_asked(request), person_of(request), place)
    return Response(await concept_png(request, item.concept, item.picture), media_type="image/png")


@router.post("/study")
async def answer(
    request: Request, place: Annotated[int, Form()], ticket: Annotated[str, Form(max_length=40)],
    parts: Annotated[list[str] | None, Form()] = None, nothing: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Keep an answer and go on; not one of a map that was shown to somebody else, or before the concepts changed.

    An answer without a tick is a slip, and asked again: that nothing is bright has a tick of its own.
    """
    desk, person = desk_of(request), check_person(person_of(request))
    own = await study_asked(request)
    item = _at(own, person, place)
    if ticket != own.ticket(person, item):
        raise RunError(
            "this map was shown to another person, or before the concepts were found anew, so the answer was not "
            "kept; go on with the next map of the study"
        )
    ticked = own.ticked(parts or [])
    if bool(ticked) == nothing:
        return await _asking(request, own, place, ticked=ticked, slip=_BOTH if nothing else _NEITHER)
    await written(request, lambda: desk.store.answers.answer(own.name, person, str(item), ticked))
    return RedirectResponse("/study", 303)


@router.get("/study/results")
async def results(request: Request) -> Response:
    """The matrix of each class, its figures beside the automatic ones, and how far people agree."""
    desk = desk_of(request)
    own = await study_asked(request)
    found = await asyncio.to_thread(results_now, desk, own)
    return page(request, "study_results.html.jinja", study=own, found=found)


async def _asking(
    request: Request, own: Study, place: int | None, *, ticked: tuple[str, ...] | None = None, slip: str = ""
) -> Response:
    """The page that asks a person for a map: the one at a place, else the first that has no answer yet.

    Args:
        request: Of the person.
        own: The study.
        place: In the person's order; None: the first without an answer.
        ticked: What is ticked already; None: what the person answered there before.
        slip: What was wrong with the answer that came.
    """
    desk, person = desk_of(request), person_of(request)
    left = await asyncio.to_thread(_left, desk, own, person) if person else []
    if person and place is None and left:
        place = own.order(person).index(left[0])
    item = own.order(person)[place] if person and place is not None else None
    before = None if item is None else await asyncio.to_thread(desk.store.answers.latest, own.name, person, str(item))
    return page(
        request, "study.html.jinja", 422 if slip else 200, study=own, place=place, item=item, slip=slip,
        ticket=own.ticket(person, item) if item else "", done=len(own.items) - len(left) if person else 0,
        ticked=ticked if ticked is not None else before.parts if before else (), is_again=before is not None,
        saw_nothing=ticked is None and before is not None and not before.parts, run=str(desk.run.folder),
    )  # fmt: skip


def _left(desk: Desk, own: Study, person: str) -> list[Item]:
    done = desk.store.answers.answered(own.name, person)
    return [item for item in own.order(person) if str(item) not in done]


def _at(own: Study, person: str, place: int) -> Item:
    order = own.order(person)
    return order[place] if 0 <= place < len(order) else own.item("")
