"""`whynet tree`: a decision tree of each class, from its rough modes of decision to single pictures."""

from typing import Annotated, Any

import typer

from whynet.cli.console import Answer
from whynet.cli.options import Allow, Device, Json, RunFolder, SkipBad
from whynet.cli.settings_options import Group, with_settings
from whynet.structures.tree_settings import TreeSettings
from whynet.workflows.settings import ALL

_LISTED = 10


@with_settings(growth=Group(settings=TreeSettings, title="How trees grow"))
def tree(
    growth: dict[str, Any],
    run: RunFolder,
    classes: Annotated[str, typer.Option(help="all, or classes by name or number, comma-separated.")] = ALL,
    layer: Annotated[
        str | None, typer.Option(help="A layer of maps; by default the interpretable one, or the network's top layer.")
    ] = None,
    skip_bad: SkipBad = False,
    subject: Allow = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Grow a tree of the modes in which the network decides for each class, and say how true it is layer by layer.

    Of the class's training pictures those are taken that the network recognises; figures come from its test pictures.
    The trees are kept in the folder tree of the run, in place of earlier ones, and drawn in tree.html.

    **Example:** `whynet tree runs/filters --classes "Black Robin"`
    """
    from whynet.workflows.decision_trees.run_trees import trees_of_run
    from whynet.workflows.decision_trees.tables import COLUMNS, ONE_MODE, READING, level_lines, tree_lines
    from whynet.workflows.report import report_trees

    answer = Answer(json)
    of_run = trees_of_run(
        run, classes=classes, layer=layer, settings=TreeSettings(**growth), skip_bad=skip_bad, allow=subject,
        device=device,
    )  # fmt: skip
    page = report_trees(of_run, skip_bad=skip_bad)
    columns, rows = tree_lines(of_run.trees)
    answer.figures(f"Decision trees of {of_run.trees[0].tree.layer}", columns, rows[:_LISTED])
    if len(rows) > _LISTED:
        answer.say(f"and {len(rows) - _LISTED} classes more")
    answer.figures("How true they are, layer by layer", COLUMNS, level_lines(of_run.trees), reading=READING)
    if any(own.tree.has_one_mode for own in of_run.trees):
        answer.say(ONE_MODE)
    answer.say(f"\nTrees: {page}")
    answer.give(
        {
            "page": str(page),
            "layer": of_run.trees[0].tree.layer,
            "classes": [
                {
                    "class": own.tree.class_name, "pictures": len(own.tree.image_names), "depth": own.tree.depth,
                    "figures": own.figures, "reads_monotone": own.reads_monotone,
                }
                for own in of_run.trees
            ],
        }
    )  # fmt: skip
