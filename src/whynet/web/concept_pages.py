"""The pages of concepts: all of them, one on many pictures, and the forms by which people name it and vote."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whynet.web.api import ConceptKey
from whynet.web.asking import Index, desk_of, opened, with_data
from whynet.web.figure_tiles import figure_tiles, floor_line
from whynet.web.rendering import SIDES, is_part, jpeg, page, person_of, picture
from whynet.web.run_pages import check_person
from whynet.web.waiting import answer_of
from whynet.web.writing import written
from whynet.workflows.workbench.concept_view import map_png, mapped, page_of, ranked, strongest
from whynet.workflows.workbench.image_view import class_sentence

router = APIRouter(include_in_schema=False)
_FIGURES = ("f_cls", "f_reg", "locality", "o1")
"""Of the class, that stand beside a concept."""


@router.get("/concepts")
def concepts(request: Request) -> Response:
    """All classes with their concepts."""
    desk = desk_of(request)
    classes = desk.book.classes()
    return page(request, "concepts.html.jinja", classes=classes, run=str(desk.run.folder))


@router.get("/concepts/{key}")
def concept(
    request: Request, key: ConceptKey, number: Annotated[int, Query(ge=1, le=10**6, alias="page")] = 1
) -> Response:
    """One concept: its name, votes and figures at once, its pictures as soon as they are found."""
    return page(request, "concept.html.jinja", **_values(request, key), page_number=number)


@router.get("/concepts/{key}/pictures")
async def pictures(
    request: Request, key: ConceptKey, number: Annotated[int, Query(ge=1, le=10**6, alias="page")] = 1
) -> Response:
    """A page of the pictures on which it is strongest."""
    desk = desk_of(request)
    known, own = await asyncio.to_thread(desk.book.concept_and_class, key)
    found = page_of(await answer_of(request, lambda: ranked(desk, own)), known, number)
    return page(request, "parts/pictures_of_concept.html.jinja", known=known, found=found)


@router.get("/concepts/{key}/strongest.jpg")
async def strongest_picture(request: Request, key: ConceptKey) -> Response:
    """The test picture where a concept adds most, small, for lists of concepts."""
    shown = await opened(request, "images", str(await _strongest(request, key)))
    return picture(request, await asyncio.to_thread(jpeg, shown.picture, SIDES["small"]), "image/jpeg")


@router.get("/concepts/{key}/strongest.png")
async def strongest_map(request: Request, key: ConceptKey) -> Response:
    """Its map there."""
    return picture(request, await concept_png(request, key, await _strongest(request, key)), "image/png")


@router.get("/images/{index}/maps/{key}.png")
async def concept_map(request: Request, index: Index, key: ConceptKey) -> Response:
    """The map of a concept in a test picture, whatever the network names there."""
    return picture(request, await concept_png(request, key, index), "image/png")


async def concept_png(request: Request, key: str, index: int) -> bytes:
    """The PNG of the map of a concept in a test picture; raises `AbsentError` if there is no such one of either."""
    desk = await with_data(request)
    known, own = await asyncio.to_thread(desk.book.concept_and_class, key)
    shown = await asyncio.to_thread(desk.example, index)
    answer = await answer_of(request, lambda: mapped(desk, own, shown))
    return await asyncio.to_thread(map_png, answer, known)


@router.post("/concepts/{key}/name")
async def name(request: Request, key: ConceptKey, name: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Name a concept; an empty name takes the present one away."""
    book, author = desk_of(request).book, check_person(person_of(request))
    return await _changed(request, key, lambda own: book.name(own, name.strip() or None, author))


@router.post("/concepts/{key}/undo")
async def undo(request: Request, key: ConceptKey) -> Response:
    """Go back to the name before."""
    names, author = desk_of(request).store.names, check_person(person_of(request))
    return await _changed(request, key, lambda own: names.undo(own, author))


@router.post("/concepts/{key}/vote")
async def vote(request: Request, key: ConceptKey, trusted: Annotated[Literal["yes", "no", "none"], Form()]) -> Response:
    """Vote on a concept."""
    votes, voter = desk_of(request).store.votes, check_person(person_of(request))
    meant = {"yes": True, "no": False, "none": None}[trusted]
    return await _changed(request, key, lambda own: votes.vote(own, voter, meant))


async def _strongest(request: Request, key: str) -> int:
    desk = await with_data(request)
    known, own = await asyncio.to_thread(desk.book.concept_and_class, key)
    return strongest(await answer_of(request, lambda: ranked(desk, own)), known)


async def _changed(request: Request, key: str, change: Callable[[str], object]) -> Response:
    """The part of the page that has changed; the whole page for a browser without scripts."""
    book = desk_of(request).book

    def work() -> Response:
        change(str(book.id_of(key)))
        if not is_part(request):
            return RedirectResponse(f"/concepts/{key}", 303)
        return page(request, "parts/opinions.html.jinja", **_values(request, key))

    return await written(request, work)


def _values(request: Request, key: str) -> dict[str, Any]:
    desk = desk_of(request)
    known, own = desk.book.concept_and_class(key, person_of(request))
    order = [one.id for one in own.weightiest]
    place = order.index(known.id)
    return {
        "known": known, "own": own, "sentence": class_sentence(own),
        "history": desk.store.names.history(str(known.id)), "vote": known.tally.own,
        "figures": figure_tiles(own.described.figures, _FIGURES), "floor": floor_line(known.stability_floor),
        "knows_parts": desk.knows_parts,
        "previous": order[place - 1] if place else None,
        "following": order[place + 1] if place + 1 < len(order) else None,
    }  # fmt: skip
