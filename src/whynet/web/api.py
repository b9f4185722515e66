"""The JSON API: all that the pages do, for programs. Described at /api/openapi.json."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, UploadFile
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from whynet.store.records import Naming
from whynet.web.asking import AskedClass, Index, Key, check_class, desk_of, opened, with_data
from whynet.web.picture_list import listed
from whynet.web.waiting import answer_of
from whynet.web.writing import written
from whynet.workflows.workbench.comparison import compared
from whynet.workflows.workbench.concept_book import KnownClass, KnownConcept
from whynet.workflows.workbench.concept_view import page_of, ranked
from whynet.workflows.workbench.desk import Shown
from whynet.workflows.workbench.image_view import balance, class_sentence, explained, named_sentence, reasons
from whynet.workflows.workbench.predictions import known_predictions, predicted

router = APIRouter(prefix="/api")
ConceptKey = Annotated[str, Path(max_length=40, description="As in 5-2-9f3a11c0.")]
Person = Annotated[str, Field(min_length=1, max_length=80)]


class NameRequest(BaseModel):
    """A name for a concept, or None to take the present one away."""

    name: Annotated[str | None, Field(max_length=200)]
    author: Person


class UndoRequest(BaseModel):
    """Who goes back to the name before."""

    author: Person


class VoteRequest(BaseModel):
    """Whether somebody trusts a concept; None takes an earlier vote back."""

    voter: Person
    trusted: bool | None


@router.get("/run")
def run(request: Request) -> dict[str, Any]:
    """What is looked at."""
    desk = desk_of(request)
    metrics = desk.figures()
    return {
        "title": desk.title,
        "data": desk.settings.data.title,
        "accuracy": metrics.get("accuracy"),
        "concepts": desk.has_concepts,
        "sentences": desk.has_sentences,
        "structures": desk.structures,
    }


@router.get("/classes")
def classes(request: Request) -> list[dict[str, Any]]:
    """The classes that have concepts."""
    return [_class(own) for own in desk_of(request).book.classes()]


@router.get("/classes/{index}")
def class_of(request: Request, index: Index) -> dict[str, Any]:
    """One class with its concepts, the one that adds most first."""
    own = desk_of(request).book.class_of(index)
    return {**_class(own), "concepts": [_concept(known) for known in own.weightiest]}


@router.get("/concepts")
def concepts(
    request: Request,
    query: Annotated[str, Query(max_length=200)] = "",
    class_index: AskedClass = None,
) -> list[dict[str, Any]]:
    """All concepts, or those whose names hold all words of a query, or those of a class."""
    book = desk_of(request).book
    if class_index is not None:
        book.class_of(class_index)  # tells where it has none
    found = book.search(query)[1] if query.strip() else [known for own in book.classes() for known in own.concepts]
    return [_concept(known) for known in found if class_index in (None, known.id.class_index)]


@router.get("/concepts/{key}")
def concept(request: Request, key: ConceptKey) -> dict[str, Any]:
    """One concept with the history of its names."""
    desk = desk_of(request)
    known = desk.book.concept(key)
    history = [_naming(naming) for naming in desk.store.names.history(str(known.id))]
    return {**_concept(known), "history": history}


@router.post("/concepts/{key}/name")
async def name(request: Request, key: ConceptKey, asked: NameRequest) -> dict[str, Any]:
    """Name a concept."""
    book = desk_of(request).book
    return await _changed(request, key, lambda own: book.name(own, asked.name, asked.author))


@router.post("/concepts/{key}/undo")
async def undo(request: Request, key: ConceptKey, asked: UndoRequest) -> dict[str, Any]:
    """Go back to the name before."""
    names = desk_of(request).store.names
    return await _changed(request, key, lambda own: names.undo(own, asked.author))


@router.post("/concepts/{key}/vote")
async def vote(request: Request, key: ConceptKey, asked: VoteRequest) -> dict[str, Any]:
    """Vote on a concept; a person's second vote replaces the first."""
    votes = desk_of(request).store.votes
    return await _changed(request, key, lambda own: votes.vote(own, asked.voter, asked.trusted))


@router.get("/concepts/{key}/pictures")
async def pictures(
    request: Request, key: ConceptKey, number: Annotated[int, Query(ge=1, le=10**6, alias="page")] = 1
) -> dict[str, Any]:
    """A page of the test pictures of its class on which a concept is strongest."""
    desk = await with_data(request)
    known, own = await asyncio.to_thread(desk.book.concept_and_class, key)
    found = page_of(await answer_of(request, lambda: ranked(desk, own)), known, number)
    return {"page": found.number, "pages": found.num_pages, "pictures": [asdict(one) for one in found.pictures]}


@router.get("/images")
async def images(
    request: Request, first: Annotated[int, Query(ge=0)] = 0, count: Annotated[int, Query(ge=1, le=1000)] = 100,
    class_index: AskedClass = None, mistakes: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Test pictures with their true classes, of all classes or one, all or those alone that the network gets wrong.

    The predicted class is null until mistakes were asked for once, which waits until the network has named them all.
    """
    desk = check_class(await with_data(request), class_index)
    named = await answer_of(request, lambda: predicted(desk)) if mistakes else None
    named = named or await asyncio.to_thread(known_predictions, desk)
    found = listed(desk, named, class_index, "mistakes" if mistakes else "")
    shown = [
        {"image": one.index, "name": one.name, "class": one.true_class, "predicted": one.predicted}
        for one in found[first : first + count]
    ]
    return {"total": len(found), "images": shown}


@router.get("/images/{index}/methods/{method}")
async def method(
    request: Request, index: Index, method: Annotated[str, Path(max_length=60)],
    class_index: AskedClass = None,
) -> dict[str, Any]:  # fmt: skip
    """The heat map of a method as a PNG in base64, for the predicted class or another."""
    desk = desk_of(request)
    shown = await opened(request, "images", str(index))
    found: dict[str, Any] = await answer_of(request, lambda: compared(desk, shown, method, class_index))
    return found


@router.get("/images/{index}/explanation")
async def image(request: Request, index: Index) -> dict[str, Any]:
    """What the run says of a test picture."""
    return await _explained(request, await opened(request, "images", str(index)))


@router.post("/uploads", status_code=201)
async def bring(request: Request, picture: Annotated[UploadFile, File()]) -> dict[str, str]:
    """Bring a picture; it stays in the server's memory for a while and is written nowhere."""
    data = await picture.read()
    return {"id": await asyncio.to_thread(desk_of(request).uploads.add, data, picture.filename or "")}


@router.get("/uploads/{key}/explanation")
async def upload(request: Request, key: Key) -> dict[str, Any]:
    """What the run says of a picture that was brought."""
    return await _explained(request, await opened(request, "uploads", key))


@router.delete("/uploads/{key}", status_code=204)
def forget(request: Request, key: Key) -> None:
    """Forget a picture that was brought."""
    desk_of(request).uploads.remove(key)


@router.get("/search")
def search(request: Request, query: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    """Classes and concepts whose names hold all words of a query."""
    found, known = desk_of(request).book.search(query)
    return {"classes": [_class(own) for own in found], "concepts": [_concept(own) for own in known]}


@router.get("/progress", response_class=StreamingResponse)
def progress(request: Request) -> StreamingResponse:
    """What is computed at the moment, as server-sent events; one each time that it changes."""
    worker = desk_of(request).worker

    async def events() -> AsyncIterator[str]:
        last = None
        while not (request.app.state.is_ending() or await request.is_disconnected()):
            state = worker.state
            if state != last:
                last = state
                yield f"data: {json.dumps(asdict(state))}\n\n"
            await asyncio.sleep(0.2)

    return StreamingResponse(events(), media_type="text/event-stream")


async def _changed(request: Request, key: str, change: Callable[[str], object]) -> dict[str, Any]:
    """A concept after a change of what people say of it."""
    book = desk_of(request).book

    def work() -> dict[str, Any]:
        change(str(book.id_of(key)))
        return _concept(book.concept(key))

    return await written(request, work)


async def _explained(request: Request, shown: Shown) -> dict[str, Any]:
    desk = desk_of(request)
    found = await answer_of(request, lambda: explained(desk, shown))
    index, class_name = found["explanation"]["class_index"], found["explanation"]["class"]
    classes = await asyncio.to_thread(desk.book.classes)
    known = next((own for own in classes if own.index == index), None)
    told = reasons(found, known)
    names = {own.number: own for own in told}
    for reason in found["explanation"]["reasons"]:
        own = names[reason["number"]]
        reason["name"], reason["concept"] = own.title, None if own.known is None else str(own.known.id)
    found["explanation"]["reasons_sentence"] = named_sentence(class_name, told)
    added = balance(found)
    return {"classes": found["classes"], **found["explanation"], "bias": None if added is None else added.bias}


def _class(own: KnownClass) -> dict[str, Any]:
    return {
        "class": own.index, "name": own.name, "figures": dict(own.described.figures), "sentence": class_sentence(own),
        "concepts": [str(known.id) for known in own.concepts],
    }  # fmt: skip


def _concept(known: KnownConcept) -> dict[str, Any]:
    return {
        "id": str(known.id),
        "class": known.id.class_index,
        "class_name": known.class_name,
        "number": known.concept.number + 1,
        "title": known.title,
        "name": known.concept.name,
        "suggested": known.suggested,
        "weight": known.concept.weight,
        "contribution": known.concept.contribution,
        "stability": known.concept.stability,
        "stability_floor": known.stability_floor,
        "trusted": known.tally.num_trusted,
        "distrusted": known.tally.num_distrusted,
    }


def _naming(naming: Naming) -> dict[str, Any]:
    return {"name": naming.name, "author": naming.author, "at": naming.time.isoformat()}
