"""`whynet filters`: which category and which part each filter of the top convolution stands for."""

from typing import Annotated

import typer

from whynet.cli.console import Answer
from whynet.cli.options import Allow, Device, Json, RunFolder, SkipBad

_LISTED = 20


def filters(
    run: RunFolder,
    layer: Annotated[
        str | None, typer.Option(help="A layer of maps; by default the interpretable one, or the network's top layer.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=f"List all filters, not the {_LISTED} surest alone.")] = False,
    skip_bad: SkipBad = False,
    subject: Allow = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Say which part each filter goes with, how far it wanders, and what the layer is worth as a whole.

    Test pictures must have parts: painted birds, CUB, animal_parts or voc_parts. The figures are kept in
    filters.json, and shown with pictures in filters.html.

    **Example:** `whynet train --interpretable --out runs/filters && whynet filters runs/filters`
    """
    from whynet.workflows.filters.run_filters import filters_of_run
    from whynet.workflows.filters.tables import filter_lines, summary_lines
    from whynet.workflows.report import report_filters
    from whynet.workflows.run import FILTERS

    answer = Answer(json)
    of_run = filters_of_run(run, layer=layer, skip_bad=skip_bad, allow=subject, device=device)
    page, found = report_filters(of_run, skip_bad=skip_bad), of_run.measured
    columns, rows = filter_lines(found.filters, of_run.class_names)
    shown = rows if every else rows[:_LISTED]
    answer.figures(f"Filters of {found.layer}", columns, shown)
    if len(shown) < len(rows):
        answer.say(f"and {len(rows) - len(shown)} more; --all lists them")
    for line in summary_lines(found.figures):
        answer.say(line)
    answer.say(f"\nPictures: {page}\nFigures: {run / FILTERS}")
    answer.give({"page": str(page), "layer": found.layer, "figures": found.figures, "filters": found.filters})
