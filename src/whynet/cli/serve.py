"""`whynet serve`: the workbench in a browser; `whynet study`: what people said in it, out of a store and into one."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from whynet.base.errors import MissingDependencyError, SettingError
from whynet.cli.console import Answer
from whynet.cli.options import Allow, Device, Json, RunFolder

_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "krippendorff", "sqlalchemy", "alembic")
Store = Annotated[
    str | None,
    typer.Option(
        help="Where names, votes and answers are kept: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or an SQLite "
        "file; by default workbench.db in the run.",
        show_default=False,
    ),
]


def serve(
    run: RunFolder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen at; all but this machine's own need --token.")
    ] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
    store: Store = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="WHYNET_TOKEN", help="What everyone must know who asks; at least 16 characters.", show_default=False
        ),
    ] = None,
    subject: Allow = None,
    device: Device = "auto",
) -> None:
    """Look at a run in a browser: its explanations picture by picture, concepts to name and vote on, a human study.

    It stays on this machine unless --host says otherwise. Ctrl-C ends it; every name, vote and answer is kept.

    **Example:** `whynet serve runs/demo --open`
    """
    _check_extra()
    from whynet.web.serving import ServeSettings, serve_run

    settings = ServeSettings(host=host, port=port, store=store, token=token, device=device, allow=subject)
    answer = Answer(None)
    serve_run(run, settings, open_browser=open_browser, say=answer.say)


def _check_extra() -> None:
    """Tell what to install where the workbench's packages are absent; raises `MissingDependencyError`."""
    if absent := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingDependencyError(
            f'the workbench needs {", ".join(absent)}, which are not installed; pip install "whynet[web]"'
        )


study = typer.Typer(
    no_args_is_help=True, help="What people said of a run's concepts in `whynet serve`: names, votes and study answers."
)


@study.command()
def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Folder for names.csv, votes.csv and answers.csv.")] = Path("study"),
    store: Store = None,
    json: Json = None,
) -> None:
    """Write all names, votes and answers with their history: as tables, and with --json as one file to import again.

    **Example:** `whynet study export runs/demo --out study`
    """
    _check_extra()
    from whynet.store.json_form import to_json
    from whynet.web.serving import open_run_store
    from whynet.workflows.run import Run

    answer = Answer(json)
    with open_run_store(Run.open(run), store) as opened:
        opened.export_csv(out)
        records = opened.records()
    counts = _counts(len(records.names), len(records.votes), len(records.answers))
    answer.say(f"{counts}, with their history, in {out}")
    answer.give(to_json(records))


@study.command(name="import")
def import_(
    run: RunFolder,
    source: Annotated[Path, typer.Argument(help="What export wrote: a folder of tables, or a file of JSON.")],
    store: Store = None,
    json: Json = None,
) -> None:
    """Add the names, votes and answers of an export that are not there yet; what is there stays, and the latest counts.

    All of them are added or, if a row is bad, none.

    **Example:** `whynet study import runs/demo study`
    """
    _check_extra()
    from dataclasses import asdict

    from whynet.web.serving import open_run_store
    from whynet.workflows.run import Run

    answer = Answer(json)
    if source.suffix == ".csv" and source.is_file():
        raise SettingError(
            f"a folder of tables or a file of JSON was expected, not the table {source}; name its folder"
        )
    with open_run_store(Run.open(run), store) as opened:
        added = opened.import_csv(source) if source.is_dir() else opened.import_json(source)
        label = opened.label
    counts = _counts(added.num_names, added.num_votes, added.num_answers)
    answer.say(f"{counts} added to {label}")
    answer.give(asdict(added))


def _counts(names: int, votes: int, answers: int) -> str:
    def counted(number: int, thing: str) -> str:
        return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

    return f"{counted(names, 'name')}, {counted(votes, 'vote')} and {counted(answers, 'answer')}"
