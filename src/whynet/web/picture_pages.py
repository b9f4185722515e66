"""The pages of pictures: those of the test part, one's own, all that explains one, and methods side by side."""

import asyncio
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, File, Path, Query, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whynet.data.function_words import is_content_word
from whynet.web.asking import AskedClass, Key, Kind, check_class, desk_of, opened, with_data
from whynet.web.picture_list import picture_list
from whynet.web.rendering import SIDES, jpeg, page
from whynet.web.rendering import picture as picture_answer
from whynet.web.waiting import answer_of
from whynet.workflows.workbench.comparison import TITLES, compared, method_png
from whynet.workflows.workbench.desk import Shown
from whynet.workflows.workbench.image_view import (
    balance,
    concept_png,
    explained,
    named_sentence,
    reasons,
    tree_png,
    word_png,
)
from whynet.workflows.workbench.predictions import known_predictions, predicted

router = APIRouter(include_in_schema=False)
PageNumber = Annotated[int, Query(ge=1, le=10**6, alias="page")]
Number = Annotated[int, Path(ge=0, le=10**6)]


@router.get("/images")
async def images(
    request: Request, number: PageNumber = 1, class_index: AskedClass = None, only: Literal["", "mistakes"] = ""
) -> Response:
    """The test pictures, by class and page, and the form to bring one's own; mistakes may follow later."""
    desk = check_class(await with_data(request), class_index)
    predictions = await asyncio.to_thread(known_predictions, desk)
    found = None if only and predictions is None else picture_list(desk, predictions, class_index, only, number)
    return page(
        request, "images.html.jinja", found=found, number=number, only=only, class_index=class_index,
        class_names=list(enumerate(desk.splits().test.class_names)),
    )  # fmt: skip


@router.get("/images/list")
async def image_list(
    request: Request, number: PageNumber = 1, class_index: AskedClass = None, only: Literal["", "mistakes"] = ""
) -> Response:
    """The list alone, once the network has named all test pictures."""
    desk = check_class(await with_data(request), class_index)
    predictions = await answer_of(request, lambda: predicted(desk))
    found = picture_list(desk, predictions, class_index, only, number)
    return page(request, "parts/image_list.html.jinja", found=found, only=only, class_index=class_index)


@router.post("/uploads")
async def bring(request: Request, picture: Annotated[UploadFile, File()]) -> Response:
    """Bring a picture of one's own."""
    data = await picture.read()
    key = await asyncio.to_thread(desk_of(request).uploads.add, data, picture.filename or "")
    return RedirectResponse(f"/uploads/{key}", 303)


@router.get("/{kind:kind}/{key}")
async def picture_page(request: Request, kind: Kind, key: Key) -> Response:
    """A picture at once; what explains it follows."""
    shown = await opened(request, kind, key)
    return page(request, "picture.html.jinja", kind=kind, shown=shown, **_neighbours(request, kind, shown))


@router.get("/{kind:kind}/{key}/explanation")
async def explanation(request: Request, kind: Kind, key: Key) -> Response:
    """What explains a picture."""
    desk = desk_of(request)
    shown = await opened(request, kind, key)
    found = await answer_of(request, lambda: explained(desk, shown))
    own = found["explanation"]
    classes = await asyncio.to_thread(desk.book.classes)
    known = next((one for one in classes if one.index == own["class_index"]), None)
    told = reasons(found, known)
    maps = (found["words"] or {}).get("maps", [])
    words = [
        {"text": word["text"], "probability": word["probability"], "place": place, "has_map":
         is_content_word(word["text"]) and place < len(maps) and bool(np.any(maps[place]))}
        for place, word in enumerate(own["words"])
    ]  # fmt: skip
    return page(
        request, "parts/explanation.html.jinja", kind=kind, shown=shown, own=own, classes=found["classes"],
        reasons=told, balance=balance(found), sentence=named_sentence(own["class"], told), words=words,
        run=str(desk.run.folder), points=_points(shown, request),
    )  # fmt: skip


@router.get("/{kind:kind}/{key}/compare")
async def compare(request: Request, kind: Kind, key: Key, class_index: AskedClass = None) -> Response:
    """Methods side by side on one picture."""
    shown = await opened(request, kind, key)
    names = check_class(await with_data(request), class_index).splits().test.class_names
    return page(
        request, "compare.html.jinja", kind=kind, shown=shown, methods=TITLES, class_index=class_index,
        class_names=list(enumerate(names)),
    )  # fmt: skip


@router.get("/{kind:kind}/{key}/methods/{method}")
async def method(
    request: Request, kind: Kind, key: Key, method: str,
    class_index: AskedClass = None,
) -> Response:  # fmt: skip
    """One method's map with what there is to say of it."""
    shown, answer = await _compared(request, kind, key, method, class_index)
    return page(
        request, "parts/method.html.jinja", kind=kind, shown=shown, method=method, name=TITLES[method], answer=answer,
        class_index=class_index,
    )  # fmt: skip


@router.get("/{kind:kind}/{key}/methods/{method}/map.png")
async def method_map(
    request: Request, kind: Kind, key: Key, method: str,
    class_index: AskedClass = None,
) -> Response:  # fmt: skip
    """The map of a method."""
    _, answer = await _compared(request, kind, key, method, class_index)
    return _png(request, await asyncio.to_thread(method_png, answer))


@router.get("/{kind:kind}/{key}/{side}.jpg")
async def picture(
    request: Request, kind: Kind, key: Key, side: Annotated[str, Path(pattern="^(small|large)$")]
) -> Response:
    """The picture itself."""
    shown = await opened(request, kind, key)
    return picture_answer(request, await asyncio.to_thread(jpeg, shown.picture, SIDES[side]), "image/jpeg")


@router.get("/{kind:kind}/{key}/words/{place}.png")
async def word_map(request: Request, kind: Kind, key: Key, place: Number) -> Response:
    """The map of a word of the sentence."""
    return _png(request, await asyncio.to_thread(word_png, await _answer(request, kind, key), place))


@router.get("/{kind:kind}/{key}/features/{number}.png")
async def feature_map(request: Request, kind: Kind, key: Key, number: Number) -> Response:
    """The map of an x-feature of the predicted class."""
    return _png(request, await asyncio.to_thread(concept_png, await _answer(request, kind, key), number))


@router.get("/{kind:kind}/{key}/tree/{step}/{place}.png")
async def step_map(request: Request, kind: Kind, key: Key, step: Number, place: Number) -> Response:
    """The map of a reason on the way down the tree."""
    return _png(request, await asyncio.to_thread(tree_png, await _answer(request, kind, key), step, place))


async def _compared(
    request: Request, kind: str, key: str, method: str, class_index: int | None
) -> tuple[Shown, dict[str, Any]]:
    shown = await opened(request, kind, key)
    return shown, await answer_of(request, lambda: compared(desk_of(request), shown, method, class_index))


async def _answer(request: Request, kind: str, key: str) -> dict[str, Any]:
    shown = await opened(request, kind, key)
    found: dict[str, Any] = await answer_of(request, lambda: explained(desk_of(request), shown))
    return found


def _png(request: Request, content: bytes) -> Response:
    return picture_answer(request, content, "image/png")


def _neighbours(request: Request, kind: str, shown: Shown) -> dict[str, int | None]:
    """The test pictures before and after one."""
    if kind == "uploads":
        return {"previous": None, "following": None}
    index, last = int(shown.key), len(desk_of(request).splits().test) - 1
    return {"previous": index - 1 if index else None, "following": index + 1 if index < last else None}


def _points(shown: Shown, request: Request) -> list[tuple[str, float, float]]:
    """The parts that can be seen, with their places in percent of the picture."""
    if shown.example is None or shown.example.landmarks is None:
        return []
    names = desk_of(request).splits().test.part_names
    rows, columns = shown.picture.shape[:2]
    return [
        (name, 100 * x / columns, 100 * y / rows)
        for name, (x, y, visible) in zip(names, shown.example.landmarks.tolist(), strict=True)
        if visible
    ]
