"""`whynet reproduce`: the tables of the papers, with seeds, spread and floors."""

from pathlib import Path
from typing import Annotated, Any

import typer

from whynet.base.errors import SettingError
from whynet.cli.console import Answer
from whynet.cli.options import Device, Json

reproduce = typer.Typer(no_args_is_help=True, help="The tables of the papers, with seeds, spread and floors.")

Seeds = Annotated[int, typer.Option(help="How many seeds: 0, 1, 2, ...")]
Out = Annotated[Path | None, typer.Option(help="Folder of the runs.", show_default="runs/reproduce/...")]
Jobs = Annotated[int, typer.Option(help="Runs at a time, each in a process of its own.")]


@reproduce.command()
def interpnet(
    data: Annotated[str, typer.Option(help="birds (painted, embedded) or cub (CUB-200-2011).")] = "birds",
    root: Annotated[str | None, typer.Option(help="Folder of CUB.")] = None,
    seeds: Seeds = 5,
    experiment: Annotated[
        str | None,
        typer.Option(help="Vary one thing instead, over three of the models: scale, departures or species."),
    ] = None,
    out: Out = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """InterpNET's table 1: six models, the same decoder, data and seeds, beside the paper's figures and two floors.

    Given again after it was broken off, it goes on where it stopped.

    **Example:** `whynet reproduce interpnet --data birds --seeds 5 --json results/interpnet-birds.json`
    """
    from whynet.workflows.reproduce import reproduce_interpnet

    answer = Answer(json)
    results = reproduce_interpnet(
        data=data, root=root, seeds=seeds, experiment=experiment, out=out, jobs=jobs, device=device, say=answer.say
    )
    _show_panels(answer, results)
    _show_tests(answer, results, "Paired over the seeds")
    answer.give(results)


@reproduce.command()
def icnn(
    data: Annotated[
        str, typer.Option(help="birds (painted, embedded), cub (CUB-200-2011) or animal_parts (ILSVRC Animal-Part).")
    ] = "birds",
    root: Annotated[str | None, typer.Option(help="Folder of the data; birds need none.")] = None,
    seeds: Annotated[int, typer.Option(help="At most so many of each network; the larger ones have one.")] = 3,
    single: Annotated[
        bool, typer.Option("--single", help="One category against as many of the others, for four of animal_parts.")
    ] = False,
    networks: Annotated[
        str | None, typer.Option(help="Of these alone, by name, with commas.", show_default="all")
    ] = None,
    out: Out = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Interpretable CNNs beside their ordinary twins: accuracy, part interpretability, location instability, detectors.

    Given again after it was broken off, it goes on where it stopped.

    **Example:** `whynet reproduce icnn --data birds --json results/icnn-birds.json`
    """
    from whynet.workflows.reproduce import reproduce_icnn
    from whynet.workflows.reproduce.icnn import ratios

    answer = Answer(json)
    names = [name.strip() for name in (networks or "").split(",") if name.strip()]
    if networks is not None and not names:
        raise SettingError(f"networks by name, with commas, were expected, and {networks!r} names none")
    results = reproduce_icnn(
        data=data, root=root, seeds=seeds, single=single, networks=names, out=out, jobs=jobs, device=device,
        say=answer.say,
    )  # fmt: skip
    _show_panels(answer, results)
    _show_tests(answer, results, "Paired over the seeds")
    for line in ratios(results):
        answer.say(line)
    answer.give(results)


@reproduce.command()
def tree(
    data: Annotated[
        str, typer.Option(help="birds (painted, embedded), cub (CUB-200-2011) or animal_parts (ILSVRC Animal-Part).")
    ] = "birds",
    root: Annotated[str | None, typer.Option(help="Folder of the data; birds need none.")] = None,
    seeds: Annotated[int, typer.Option(help="At most so many of each network; the larger one has one.")] = 3,
    classes: Annotated[int, typer.Option(help="Classes of each network, drawn at random.")] = 6,
    out: Out = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Decision trees of interpretable CNNs and of their ordinary twins: how true they are, layer by layer.

    The networks are those of `whynet reproduce icnn`, whose runs it shares. Given again after it was broken off, it
    goes on where it stopped.

    **Example:** `whynet reproduce tree --data birds --json results/tree-birds.json`
    """
    from whynet.workflows.reproduce import reproduce_tree
    from whynet.workflows.reproduce.tree import monotone_lines

    answer = Answer(json)
    results = reproduce_tree(
        data=data, root=root, seeds=seeds, classes=classes, out=out, jobs=jobs, device=device, say=answer.say
    )
    _show_panels(answer, results)
    for line in monotone_lines(results):
        answer.say(line)
    answer.give(results)


@reproduce.command()
def srae(
    data: Annotated[
        str, typer.Option(help="birds (painted, embedded), cub (CUB-200-2011) or animal_parts (ILSVRC Animal-Part).")
    ] = "birds",
    root: Annotated[str | None, typer.Option(help="Folder of the data; birds need none.")] = None,
    classes: Annotated[int, typer.Option(help="How many classes are explained, drawn at random.")] = 10,
    seeds: Seeds = 5,
    out: Out = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """SRAE's tables 1(a), 2(a), 2(b) and 3: x-features against their baselines, beside the paper's figures.

    Given again after it was broken off, it goes on where it stopped.

    **Example:** `whynet reproduce srae --data birds --classes 10 --seeds 5 --json results/srae-birds.json`
    """
    from whynet.workflows.reproduce import reproduce_srae
    from whynet.workflows.reproduce.srae_tables import lasso_lines, orderings

    answer = Answer(json)
    results = reproduce_srae(data=data, root=root, classes=classes, seeds=seeds, out=out, device=device, say=answer.say)
    _show_panels(answer, results)
    answer.figures("Lasso with more entries of Z", *lasso_lines(results))
    _show_tests(answer, results, "Paired over classes and seeds")
    for line in orderings(results):
        answer.say(line)
    answer.give(results)


@reproduce.command()
def graph(
    data: Annotated[
        str, typer.Option(help="birds (painted, embedded) or animal_parts (ILSVRC Animal-Part).")
    ] = "birds",
    root: Annotated[str | None, typer.Option(help="Folder of the data; birds need none.")] = None,
    network: Annotated[str, typer.Option(help="One of those of `whynet reproduce icnn`, with ordinary filters.")] = (
        "alexnet"
    ),
    classes: Annotated[int, typer.Option(help="How many classes have a graph each, drawn at random.")] = 10,
    seeds: Annotated[int, typer.Option(help="At most so many; the larger networks have one.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the runs, shared with `whynet reproduce icnn`.", show_default="runs/reproduce/..."
        ),
    ] = None,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Explanatory graphs: nodes beside the filters that they came from and two points that never move.

    Networks that `whynet reproduce icnn` has trained are taken as they are. Given again after it was broken off, it
    goes on where it stopped.

    **Example:** `whynet reproduce graph --data birds --json results/graph-birds.json`
    """
    from whynet.workflows.reproduce import reproduce_graph
    from whynet.workflows.reproduce.graph_tables import standing

    answer = Answer(json)
    results = reproduce_graph(
        data=data, root=root, network=network, classes=classes, seeds=seeds, out=out, device=device, say=answer.say
    )
    _show_panels(answer, results)
    _show_tests(answer, results, "Paired over the seeds")
    for line in standing(results):
        answer.say(line)
    answer.give(results)


def _show_panels(answer: Answer, results: dict[str, Any]) -> None:
    from whynet.workflows.reproduce.tables import panels

    for title, columns, rows in panels(results):
        answer.figures(title, columns, rows)


def _show_tests(answer: Answer, results: dict[str, Any], title: str) -> None:
    from whynet.workflows.reproduce.tables import paired_lines

    if results["tests"]:
        answer.figures(title, *paired_lines(results))
