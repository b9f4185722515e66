"""`whynet concepts`: the few x-features that a class's logit can be read off, with names."""

from pathlib import Path
from typing import Annotated, Any

import typer

from whynet.cli.console import Answer
from whynet.cli.options import Device, Json, SkipBad
from whynet.cli.settings_options import Group, with_settings
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.settings import DataSettings

_LISTED = 10


@with_settings(
    where=Group(settings=LayerSettings, title="What is explained"),
    module=Group(settings=ModuleSettings, title="Explanation module"),
    fit=Group(settings=FitSettings, title="Training of the modules"),
    data=Group(settings=DataSettings, title="Data, for a subject that is no run", renamed=(("name", "data"),)),
)
def concepts(
    where: dict[str, Any],
    module: dict[str, Any],
    fit: dict[str, Any],
    data: dict[str, Any],
    subject: Annotated[
        str,
        typer.Option(
            help="A run; or a saved subject, timm:NAME, torchvision:NAME, hf:REPO, or package.module:function, with "
            "--data and --out.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run to be made, for a subject that is no run.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A safetensors file for a subject that is built by name or by a function.")
    ] = None,
    allow: Annotated[
        str | None, typer.Option(help="package.module:function that may run, where a run holds your own network.")
    ] = None,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Reduce each class's logit to a few x-features with heat maps, suggest names, and measure how faithful they are.

    All classes of the run that have x-features are shown on pages, from concepts/index.html on.

    What is complete is kept: broken off and given again, it goes on where it stopped.

    **Example:** `whynet concepts --subject runs/demo --classes all`

    **Your own network:** `whynet concepts --subject torchvision:resnet50 --layer avgpool --data folder --root PICTURES
    --out runs/mine`
    """
    from whynet.workflows.concepts.finding import find_concepts
    from whynet.workflows.concepts.subject_run import run_of
    from whynet.workflows.report import report_concepts

    answer = Answer(json)
    request = ConceptRequest(where=LayerSettings(**where), module=ModuleSettings(**module), fit=FitSettings(**fit))
    run, code = run_of(subject, out=out, data=data, layer=request.where.layer, weights=weights, skip_bad=skip_bad)
    found = find_concepts(run, request, device=device, skip_bad=skip_bad, allow=allow or code)
    index = report_concepts(run, device=device, skip_bad=skip_bad, allow=allow or code)
    columns = ["class", "F_cls", "F_reg", "O1", "locality", "stability", "strongest x-features"]
    answer.figures(
        f"X-features of {found[0].layer}, heat maps at {found[0].map_layer}",
        columns,
        [_row(own) for own in found[:_LISTED]],
        reading="F_cls: share of test pictures whose class stays when the logit is read off the x-features; F_reg: "
        "mean error of that logit; O1: overlap of the heat maps, 0 is best; locality: entropy over the parts, lower is "
        "better; stability: correlation of x-features of other seeds, 1 is best.",
    )
    if len(found) > _LISTED:
        answer.say(f"and {len(found) - _LISTED} classes more")
    answer.say(f"\nConcepts: {index}")
    answer.give({"run": str(run.folder), "pages": str(index), "classes": [_json(own) for own in found]})


def _row(own: Any) -> list[str]:
    def figure(key: str, form: str) -> str:
        return format(own.figures[key], form) if key in own.figures else "-"

    strongest = sorted(own.concepts, key=lambda concept: -concept.contribution)[:3]
    names = ", ".join(f"{concept.title} ({concept.contribution:+.1f})" for concept in strongest)
    return [
        own.class_name, figure("f_cls", ".1%"), figure("f_reg", ".2f"), figure("o1", ".2f"), figure("locality", ".2f"),
        figure("stability", ".2f"), names,
    ]  # fmt: skip


def _json(own: Any) -> dict[str, Any]:
    return {
        "class": own.class_name,
        "layer": own.layer,
        "map_layer": own.map_layer,
        "figures": own.figures,
        "concepts": [
            {
                "title": concept.title, "weight": concept.weight, "contribution": concept.contribution,
                "precision": None if concept.suggestion is None else concept.suggestion.precision,
                "stability": concept.stability,
            }
            for concept in own.concepts
        ],
    }  # fmt: skip
