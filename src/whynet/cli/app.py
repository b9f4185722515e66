"""`whynet`: the commands, their options and their help."""

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import whynet
from whynet.base.errors import WhynetError
from whynet.cli.attribute import attribute
from whynet.cli.check import check
from whynet.cli.concepts import concepts
from whynet.cli.console import Answer
from whynet.cli.filters import filters
from whynet.cli.graph import graph
from whynet.cli.options import Allow, Beam, Device, Devices, Json, NoLanguage, RunFolder, SkipBad
from whynet.cli.probe import probe
from whynet.cli.reproduce import reproduce
from whynet.cli.serve import serve, study
from whynet.cli.settings_options import Group, with_settings
from whynet.cli.tree import tree
from whynet.models.filter_settings import FilterSettings
from whynet.training.settings import ClassifierSettings, ExplainerSettings, GVESettings
from whynet.workflows.settings import DataSettings, ModelSettings, settings_with


class _Commands(TyperGroup):
    """Prints our own errors as one sentence and exits 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except WhynetError as error:
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.secho(_broken_off(ctx), err=True)
            raise typer.Exit(130) from error
        except SystemExit as error:
            if error.code == 143:
                typer.secho(_broken_off(ctx), err=True)
            raise


def _broken_off(ctx: Any) -> str:
    if ctx.invoked_subcommand == "attribute":
        return "broken off; the maps that were complete are kept"
    again = "`whynet train --out FOLDER --resume`" if ctx.invoked_subcommand == "train" else "the same command"
    return f"broken off; what was complete is kept, and {again} goes on from there"


app = typer.Typer(
    cls=_Commands,
    name="whynet",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Ask a neural network why.\n\nStart with `whynet demo`; then `whynet explain runs/demo PICTURE...`.",
)
app.add_typer(reproduce, name="reproduce")
app.add_typer(study, name="study")
app.command()(serve)
app.command()(attribute)

FEW = 100
"""Test pictures below which a share has an error of 10 points and more."""


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"whynet {whynet.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove a run that is there, and start over.")] = False,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    device: Device = "auto",
    devices: Devices = 1,
    json: Json = None,
) -> None:
    """Train on painted birds, explain, and write a report: the whole journey in a few minutes.

    A demo that was broken off goes on where it stopped.

    **Example:** `whynet demo --out runs/demo`
    """
    from whynet.training.hardware import Hardware
    from whynet.workflows.demo import run_demo

    answer = Answer(json)
    run, metrics = run_demo(out, seed=seed, hardware=Hardware(device=device, devices=devices), fresh=fresh)
    _show_metrics(answer, metrics)
    pictures = sorted((run.folder / "pictures").glob("*.png"))
    answer.say(f"\nReport:   {run.folder / 'report.html'}")
    answer.say(f"Concepts: {run.folder / 'concepts' / 'index.html'}")
    answer.say(f"Next:     {_command()} explain {run.folder} {pictures[0]}")
    answer.say(f"          {_command()} serve {run.folder} --open")
    answer.give(metrics)


@app.command()
@with_settings(
    data=Group(settings=DataSettings, title="Data", renamed=(("name", "data"),)),
    model=Group(settings=ModelSettings, title="Model"),
    classifier=Group(settings=ClassifierSettings, title="Classifier", prefix="classifier"),
    filters=Group(settings=FilterSettings, title="Interpretable filters", prefix="filter"),
    explainer=Group(settings=ExplainerSettings, title="Explainer", prefix="explainer"),
    gve=Group(settings=GVESettings, title="Generating Visual Explanations", prefix="gve"),
)
def train(
    data: dict[str, Any],
    model: dict[str, Any],
    classifier: dict[str, Any],
    filters: dict[str, Any],
    explainer: dict[str, Any],
    gve: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Folder of the run.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was broken off.")] = False,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    devices: Devices = 1,
    json: Json = None,
) -> None:
    """Train a classifier and the explainer that says why it decides as it does.

    **Example:** `whynet train --data cub --root CUB --out runs/cub`

    **A network by name, trained here:** `whynet train --network timm:resnet10t --layers layer2,layer3,layer4 --out
    runs/resnet`; one that was trained before: `--subject timm:resnet50 --weights net.safetensors --layers layer4`.

    **Your own network:** `whynet train --data folder --root PICTURES --subject mypackage.nets:build --weights
    net.safetensors --layers backbone.layer4,fc1 --out runs/mine`
    """
    from whynet.training.hardware import Hardware
    from whynet.workflows.train import resumed_settings
    from whynet.workflows.train import train as train_run

    answer = Answer(json)
    given = {
        "data": data, "model": model, "classifier": classifier, "filters": filters, "explainer": explainer, "gve": gve,
    }  # fmt: skip
    settings = resumed_settings(out, given) if resume else settings_with(given)
    hardware = Hardware(device=device, devices=devices)
    run = train_run(out, settings, hardware=hardware, resume=resume, skip_bad=skip_bad)
    stages = run.record()["stages"]
    data_stage = stages["data"]
    answer.say(", ".join(f"{data_stage[part]} {part}" for part in ("train", "validation", "test")) + " pictures")
    for name in ("classifier", "interpnet"):
        if name in stages:
            answer.say(f"{name} took {stages[name]['seconds']:.0f} s")
    if "interpnet" not in stages:
        answer.say("Training or validation pictures have no captions, so there is a classifier but no explainer.")
    named = f" --subject {settings.model.subject}" if _is_code(settings.model.subject) else ""
    answer.say(f"\nRun:  {run.folder}\nNext: {_command()} evaluate {run.folder}{named}")
    answer.give({"run": str(run.folder), "stages": stages})


@app.command()
def explain(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures.", show_default=False)],
    beam: Beam = 1,
    structures: Annotated[
        str,
        typer.Option(
            "--with",
            help="tree: the way down the decision tree of the class (`whynet tree`); graph: the surest nodes of its "
            "explanatory graph (`whynet graph`); tree,graph: both.",
        ),
    ] = "",
    subject: Allow = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Say what is in each picture, and why: "This is an image of a ... because ...".

    Files that cannot be used are named and left out; the exit code is 1 then.

    **Example:** `whynet explain runs/demo bird.jpg`
    """
    from whynet.workflows.explain import explain as explain_images

    answer = Answer(json)
    asked = tuple(filter(None, (name.strip() for name in structures.split(","))))
    explanations = explain_images(run, images, beam=beam, structures=asked, device=device, allow=subject, skip_bad=True)
    for explanation in explanations:
        answer.say(f"{explanation.image_name} ({explanation.probability:.0%})\n  {explanation.text}")
        for reason in explanation.reasons:
            answer.say(f"    {reason.weight:+6.2f}  {reason.name}")
        if (told := explanation.faithfulness) and "logit_by_concepts" in told:
            in_all = told["logit_by_concepts"]
            answer.say(f"    {in_all - sum(reason.weight for reason in explanation.reasons):+6.2f}  bias")
            answer.say(f"    {in_all:+6.2f}  in all; the logit is {told['logit']:+.2f}")
        for step in explanation.tree:
            answer.say(f"    {step.text}")
        if "tree" in asked and not explanation.tree:
            answer.say(f"    no tree of {explanation.class_name}; grow one with `whynet tree {run}`")
        for node in explanation.graph or ():
            answer.say(f"    {node.text}")
        if "graph" in asked and explanation.graph is None:
            fitted = f"`whynet graph {run} --classes {explanation.class_index}`"
            answer.say(f"    no graph of {explanation.class_name}; fit one with {fitted}")
        elif "graph" in asked and not explanation.graph:
            answer.say(f"    none of the surest nodes of {explanation.class_name} is found here")
    answer.give([explanation.to_json() for explanation in explanations])
    if len(explanations) < len(images):
        raise typer.Exit(1)


@app.command()
def evaluate(
    run: RunFolder,
    beam: Beam = 1,
    no_language: NoLanguage = False,
    skip_bad: SkipBad = False,
    subject: Allow = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Measure a run on its test pictures, beside two floors, and write metrics.json and report.html.

    **Example:** `whynet evaluate runs/cub --json -`
    """
    from whynet.workflows.evaluate import evaluate as evaluate_run
    from whynet.workflows.report import write_report

    answer = Answer(json)
    metrics = evaluate_run(run, beam=beam, language=not no_language, skip_bad=skip_bad, allow=subject, device=device)
    report = write_report(run, skip_bad=skip_bad)
    _show_metrics(answer, metrics)
    answer.say(f"\nReport: {report}")
    answer.give(metrics)


app.command()(check)
app.command()(concepts)
app.command()(filters)
app.command()(tree)
app.command()(probe)
app.command()(graph)


def _command() -> str:
    """How to call whynet from here: by its name where that is found, else by the path it was called by."""
    return "whynet" if shutil.which("whynet") else os.path.relpath(sys.argv[0])


def _is_code(subject: str | None) -> bool:
    from whynet.workflows.subjects import is_code

    return subject is not None and is_code(subject)


def _show_metrics(answer: Answer, metrics: dict[str, Any]) -> None:
    from whynet.workflows.metrics_table import grounding_lines, honesty_lines, metrics_rows

    answer.say(f"Test accuracy {metrics['accuracy']:.1%} of {metrics['num_images']} pictures")
    if metrics["num_images"] < FEW:
        answer.say(f"Fewer than {FEW} pictures: the figures below say little.")
    columns, rows = metrics_rows(metrics)
    if rows:
        answer.figures("Sentences", columns, rows)
    for line in (*grounding_lines(metrics), *honesty_lines(metrics)):
        answer.say(line)
    for what, why in metrics["missing"].items():
        answer.say(f"No {what}: {why}.")


def main() -> None:
    """Run the command line."""
    app()
