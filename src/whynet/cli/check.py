"""`whynet check`: the figures that say whether heat maps can be trusted."""

from pathlib import Path
from typing import Annotated, Any

import typer

from whynet.cli.console import Answer, command_line
from whynet.cli.options import Device, Json, SkipBad
from whynet.cli.settings_options import Group, with_settings
from whynet.workflows.settings import DataSettings


@with_settings(data=Group(settings=DataSettings, title="Data, where no RUN is named", renamed=(("name", "data"),)))
def check(
    data: dict[str, Any],
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="Folder of a run: its classifier and its data.", show_default=False),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            help="The network, where no RUN is named: a run, a saved subject, timm:NAME, torchvision:NAME, hf:REPO, or "
            "package.module:function. With RUN: the function that may run."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A safetensors file for a --subject that is built by name or by a function.")
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(help="package.module:function that may run, for a folder of your own network."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="A method, or several with commas or several times; none for all of whynet's own."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Where the maps are read. Grad-CAM and excitation backprop: else the last convolutional layer; all "
            "others: else the input."
        ),
    ] = None,
    conservation_layers: Annotated[
        str | None,
        typer.Option(help="Further comma-separated layers at which excitation maps must add up to 1."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Name of the class to explain.", show_default="the predicted class")
    ] = None,
    images: Annotated[int, typer.Option(help="Test pictures to look at.")] = 32,
    steps: Annotated[int, typer.Option(help="Steps of deletion and insertion.")] = 20,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Can heat maps be trusted? Sanity checks, pointing game, deletion and insertion, each beside its floor.

    **Example:** `whynet check runs/demo --method saliency,grad_cam --layer blocks.2`

    **Any network:** `whynet check --subject timm:resnet50 --data folder --root pictures --layer layer4`
    """
    from whynet.workflows.check import check as check_methods
    from whynet.workflows.check_request import methods_named, names_in, open_checked
    from whynet.workflows.check_table import panels, remarks
    from whynet.workflows.reproduce.study import header

    answer = Answer(json)
    methods, further = methods_named(method or ()), names_in(conservation_layers)
    named = [*([] if layer is None else [layer]), *further]
    network, examples, title = open_checked(
        run, subject, data, weights=weights, allow=allow, layers=named, device=device, skip_bad=skip_bad
    )
    results = check_methods(
        network, examples, methods, layer=layer, conservation_layers=further, target=target,
        num_images=images, num_steps=steps, seed=seed,
    )  # fmt: skip
    answer.say(
        f"{results['subject']}: {target or 'the predicted class'} in {results['num_images']} test pictures, maps at "
        + (layer or "the input, or for Grad-CAM and excitation backprop at the last convolutional layer")
    )
    for panel in panels(results):
        answer.say("")
        answer.figures(panel.title, panel.columns, panel.rows, reading=panel.reading)
    answer.say("")
    for line in remarks(results):
        answer.say(line)
    answer.give(header(command_line(), title, [seed]) | results)
