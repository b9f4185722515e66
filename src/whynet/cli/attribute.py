"""`whynet attribute`: heat maps over pictures."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from whynet.base.errors import SettingError
from whynet.cli.console import Answer
from whynet.cli.options import Device, Json

_LISTED = 20


def attribute(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures.", show_default=False)],
    subject: Annotated[
        str,
        typer.Option(
            help="A run, a saved subject, timm:NAME, torchvision:NAME, hf:REPO, or package.module:function.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for pictures, maps and JSON.", show_default=False)],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="saliency, deconvnet, guided_backprop, grad_cam, excitation_backprop, contrastive_excitation_backprop "
            "or captum.NAME; with --compare several, or none for all.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="CLASS", help="A class by name or number.", show_default="the predicted one")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Layer whose unit is explained instead of a class.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="Of the source: a channel, as 7, or channel, row and column, as 7,3,4.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Where the map is read. Grad-CAM and excitation backprop: else the last convolutional layer; all "
            "others: else the input."
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Value of the strongest colour: shared by all pictures, each its own, or a number.",
            show_default="shared",
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="One picture, all methods, in one grid.")] = False,
    weights: Annotated[
        Path | None, typer.Option(help="A safetensors file for a subject that is built by name or by a function.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="A text file with the class names, one a line, for a subject built by name.")
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(help="package.module:function that may run, where a run holds your own network."),
    ] = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Show where in each picture a class, or a unit of a layer, comes from: heat maps over the pictures.

    Writes for each picture a PNG with its colour bar, all on one scale, and the maps as safetensors.

    **Example:** `whynet attribute --subject runs/demo --method excitation_backprop bird.jpg --out maps`

    **All methods side by side:** `whynet attribute --subject runs/demo --compare bird.jpg --out maps`

    **A unit:** `whynet attribute --subject timm:resnet50 --method saliency --source layer3 --unit 7 dog.jpg --out maps`
    """
    from whynet.training.hardware import Hardware
    from whynet.workflows.attribute import SHARED
    from whynet.workflows.attribute import attribute as attribute_pictures
    from whynet.workflows.compare_methods import compare_methods
    from whynet.workflows.question import Question
    from whynet.workflows.subjects import open_subject, read_class_names

    answer = Answer(json)
    methods = tuple(dict.fromkeys(name.strip() for text in method or () for name in text.split(",")))
    if not compare and len(methods) != 1:
        raise SettingError(
            f"one --method was expected, not {len(methods)}; name one, or compare several with --compare"
        )
    if compare and scale is not None:
        raise SettingError("--compare gives each method its own scale; leave out --scale")
    if compare and len(images) != 1:
        raise SettingError(f"--compare shows one picture, not {len(images)}; give one")
    questions = [
        Question(method=name, target=target, layer=layer, source=source, unit=unit) for name in methods or ("saliency",)
    ]
    strongest = _scale(scale or SHARED)
    names = None if classes is None else read_class_names(classes)
    opened = open_subject(subject, weights=weights, class_names=names, allow=allow)
    opened = opened.to(Hardware(device=device).torch_device())
    if compare:
        result = compare_methods(opened, images[0], questions[0], out=out, methods=methods)
        answer.say(f"{out / result['picture']}: {result['explained']}")
        for entry in result["methods"]:
            if "reason" in entry:
                answer.say(f"  no {entry['method']}: {entry['reason']}")
        answer.give(result)
        return
    result = attribute_pictures(opened, images, questions[0], out=out, scale=strongest)
    _show(answer, result, out)
    answer.give(result)
    if result["failed"]:
        raise typer.Exit(1)


def _scale(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _show(answer: Answer, result: dict[str, Any], out: Path) -> None:
    layer, scale = result["layer"], result["scale"]
    answer.say(
        f"{result['method']} at {'the input' if layer is None else layer}"
        + (f", strongest colour {scale:.3g}" if scale is not None else "")
    )
    drawn = [entry for entry in result["images"] if entry["drawn"]]
    for entry in drawn[:_LISTED]:
        seen = f"{entry['class']} ({entry['probability']:.0%})"
        if result["unit"] is not None:
            seen = f"unit {result['unit']} of {result['source']}, in what is seen as {seen}"
        elif entry["target_number"] != entry["class_number"]:
            seen = f"{entry['target']} ({entry['target_probability']:.0%}), seen as {seen}"
        answer.say(f"  {out / entry['picture']}: {seen}")
    if len(drawn) > _LISTED:
        counts = Counter(entry["class"] for entry in drawn[_LISTED:])
        answer.say(f"  and {len(drawn) - _LISTED} more, as {', '.join(name for name, _ in counts.most_common(3))}")
    answer.say(f"Maps: {out / result['maps']}")
    for note in result["notes"]:
        answer.say(f"Note: {note}")
    for entry in result["failed"]:
        answer.say(f"left out: {entry['reason']}")
