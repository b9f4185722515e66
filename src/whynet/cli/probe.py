"""`whynet probe`: do adversarial images change the explanations as they change the class?"""

from typing import Annotated

import typer

from whynet.cli.console import Answer
from whynet.cli.options import Allow, Device, Json, RunFolder, SkipBad


def probe(
    run: RunFolder,
    levels: Annotated[float, typer.Option(help="By how many of 255 levels each value of a picture may change.")] = 2.0,
    steps: Annotated[int, typer.Option(help="Of PGD.")] = 10,
    pictures: Annotated[int, typer.Option(help="Test pictures, drawn among those that the network recognises.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the draw, the noise and PGD's beginning.")] = 0,
    skip_bad: SkipBad = False,
    subject: Allow = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Fool the network with FGSM and PGD, and see which of its explanations notice, beside noise of the same size.

    Sentences, x-features, decision trees and explanatory graphs are looked at, as far as the run has them.

    **Example:** `whynet probe runs/demo`
    """
    from whynet.workflows.probe import probe_lines, probe_run

    answer = Answer(json)
    result = probe_run(
        run, levels=levels, steps=steps, pictures=pictures, seed=seed, skip_bad=skip_bad, device=device, allow=subject
    )
    columns, rows = probe_lines(result)
    answer.figures(
        f"{result['pictures']} test pictures, each value changed by {levels:g} of 255 levels", columns, rows,
        reading="An explanation of the class it was that changes no more than under noise, while the class changes, "
        "does not see what fooled the network.",
    )  # fmt: skip
    answer.give(result)
