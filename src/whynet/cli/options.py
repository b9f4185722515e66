"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON; - for standard output.")
]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto for the best there is.")]
Devices = Annotated[int, typer.Option(help="Number of devices to train on.")]
Beam = Annotated[int, typer.Option(help="Sentences kept side by side while one is written; 1 is greedy.")]
Allow = Annotated[
    str | None,
    typer.Option("--subject", help="package.module:function that may run, where the run explains your own network."),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be used, and name them.")]
NoLanguage = Annotated[bool, typer.Option("--no-language", help="Leave out the language metrics, which need Java.")]
