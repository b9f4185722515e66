"""The pages of the run as a whole: overview, classes, search, and who is looking."""

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whynet.base.errors import RunError
from whynet.store.validity import cleaned_person
from whynet.web.asking import Index, desk_of
from whynet.web.figure_tiles import figure_tiles
from whynet.web.plain_figures import of_concepts, of_network
from whynet.web.rendering import PERSON_COOKIE, page, person_cookie
from whynet.workflows.metrics_table import honesty_lines, tiles
from whynet.workflows.report.concept_figures import HEADLINES, means
from whynet.workflows.workbench.image_view import class_sentence

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request) -> Response:
    """What was trained, how good it is, and how far to trust what explains it."""
    desk = desk_of(request)
    metrics = dict(desk.figures())
    classes = desk.book.classes()
    figures = means([own.described.figures for own in classes])
    concepts = [known for own in classes for known in own.concepts]
    return page(
        request, "overview.html.jinja",
        data=desk.settings.data.title, tiles=tiles(metrics) if "accuracy" in metrics else [],
        honesty=honesty_lines(metrics), classes=classes, run=str(desk.run.folder),
        of_network=of_network(metrics, desk.num_classes), of_concepts=of_concepts(figures),
        headlines=figure_tiles(figures, tuple(HEADLINES)),
        named=sum(known.naming is not None and known.naming.name is not None for known in concepts),
        voted=sum(bool(known.tally.num_trusted or known.tally.num_distrusted) for known in concepts),
        num_concepts=len(concepts),
        has_sentences=desk.has_sentences, structures=desk.structures,
    )  # fmt: skip


@router.get("/classes/{index}")
def class_page(request: Request, index: Index) -> Response:
    """A class: its concepts with their weights, and the sentence that their names make."""
    desk = desk_of(request)
    classes = desk.book.classes()
    own = desk.book.class_of(index)
    place = [one.index for one in classes].index(index)
    largest = max((abs(known.concept.contribution) for known in own.concepts), default=0.0) or 1.0
    return page(
        request, "class.html.jinja", own=own, sentence=class_sentence(own), largest=largest,
        previous=classes[place - 1] if place else None,
        following=classes[place + 1] if place + 1 < len(classes) else None,
        figures=figure_tiles(own.described.figures),
    )  # fmt: skip


@router.get("/search")
def search(request: Request, query: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Classes and concepts by their names."""
    classes, concepts = desk_of(request).book.search(query)
    return page(request, "search.html.jinja", query=query, classes=classes, concepts=concepts)


@router.post("/person")
def person(
    request: Request, name: Annotated[str, Form(max_length=200)] = "", back: Annotated[str, Form(max_length=300)] = "/"
) -> Response:
    """Say who is looking; the name stands beside what they name and vote."""
    # Our own pages alone: one slash, since two would be another server's name.
    response = RedirectResponse("/" + back.lstrip("/\\"), 303)
    if not name.strip():
        response.delete_cookie(PERSON_COOKIE)
        return response
    response.set_cookie(
        PERSON_COOKIE,
        person_cookie(cleaned_person(name, "a name")),
        httponly=True,
        samesite="strict",
        max_age=365 * 86400,
    )
    return response


def check_person(name: str) -> str:
    """The name of whoever changes something; raises `RunError` where they have not said it."""
    if not name:
        raise RunError("say first who you are, at the top of the page, so that others know whose name or vote it is")
    return name
