"""The JSON API of the human study, for programs that ask people in their own way."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from whynet.store.records import Answer
from whynet.web.api import Person
from whynet.web.asking import desk_of, study_asked
from whynet.web.writing import written
from whynet.workflows.workbench.study import results_now

router = APIRouter(prefix="/api")


class AnswerRequest(BaseModel):
    """The parts that somebody ticked on a map."""

    person: Person
    item: Annotated[str, Field(max_length=80)]
    parts: Annotated[list[str], Field(max_length=100)]


@router.get("/study")
async def study(request: Request) -> dict[str, Any]:
    """What the study asks."""
    own = await study_asked(request)
    return {"parts": list(own.parts), "items": len(own.items)}


@router.get("/study/items")
async def items(request: Request, person: Annotated[str, Query(min_length=1, max_length=80)]) -> dict[str, Any]:
    """The maps that a person has not answered yet, in their order."""
    desk = desk_of(request)
    own = await study_asked(request)
    done = await asyncio.to_thread(desk.store.answers.answered, own.name, person)
    return {"left": [str(item) for item in own.order(person) if str(item) not in done], "all": len(own.items)}


@router.post("/study/answers")
async def answer(request: Request, asked: AnswerRequest) -> dict[str, Any]:
    """Answer a map; a person's second answer replaces the first."""
    desk = desk_of(request)
    own = await study_asked(request)
    item, parts = own.item(asked.item), own.ticked(asked.parts)
    kept = await written(request, lambda: desk.store.answers.answer(own.name, asked.person, str(item), parts))
    return _answer(kept)


@router.get("/study/results")
async def results(request: Request) -> dict[str, Any]:
    """What people have ticked so far, and how far they agree."""
    desk = desk_of(request)
    own = await study_asked(request)
    found = await asyncio.to_thread(results_now, desk, own)
    return {
        "parts": list(own.parts),
        "answers": found.num_answers,
        "people": dict(found.people),
        "alpha": found.alpha,
        "classes": [
            {
                "class": one.known.name,
                "concepts": [str(known.id) for known in one.known.concepts],
                "counts": one.counts.astype(int).tolist(),
                "answers": list(one.answers),
                "nothing": list(one.nothing),
                "people": {"o1": one.o1, "o2": one.o2, "locality": one.locality},
                "automatic": {key: one.known.described.figures.get(key) for key in ("o1", "o2", "locality")},
            }
            for one in found.classes
        ],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "item": answer.item, "person": answer.person, "parts": list(answer.parts), "at": answer.time.isoformat(),
    }  # fmt: skip
