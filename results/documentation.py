"""A hook of mkdocs: the results page shows what the files beside this one hold, each time it is built.

In a page, a line of its own such as

    <!-- tables interpnet-birds -->          the tables of a study; folded, where it has conditions
    <!-- tests interpnet-birds -->           its paired tests, folded
    <!-- dots interpnet-birds recall -->     one figure, a dot a seed
    <!-- orderings srae-birds -->            which of the paper's orderings hold, and Lasso's sweep, folded
    <!-- ratios icnn-birds -->              what interpretable filters have over ordinary ones
    <!-- standing graph-birds -->           how nodes stand to filters and to what never moves
    <!-- check demo-check -->                what `whynet check --json` wrote

is replaced by what it names.
"""

import json
import re
from pathlib import Path
from typing import Any

from whynet.workflows.check_table import panels as check_panels
from whynet.workflows.report.rendering import spaced
from whynet.workflows.reproduce.graph_tables import standing
from whynet.workflows.reproduce.icnn import ratios
from whynet.workflows.reproduce.srae_tables import lasso_lines, orderings
from whynet.workflows.reproduce.tables import TITLES, dots, markdown, paired_lines, panels

HERE = Path(__file__).parent
LINE = re.compile(r"^<!-- (tables|tests|dots|orderings|ratios|standing|check) ([\w-]+)((?: \w+)*) -->$", re.MULTILINE)


def on_page_markdown(text: str, **_: Any) -> str:
    """The page with each line replaced."""
    return LINE.sub(lambda match: _shown(match[1], match[2], match[3].split()), text)


def _shown(what: str, study: str, keys: list[str]) -> str:
    results = json.loads((HERE / f"{study}.json").read_text("utf-8"))
    if what == "tables":
        seeds, torch = ", ".join(map(str, results["seeds"])), results["versions"]["torch"]
        made = f"`{results['command']}`, seeds {seeds}, torch {torch}"
        tables = [f"**{title}**\n\n{markdown(columns, rows)}" for title, columns, rows in panels(results)]
        shown = "\n\n".join([*tables, f"<small>{made}</small>"])
        return _folded("All figures", shown) if any("condition" in row for row in results["rows"]) else shown
    if what == "check":
        tables = [
            f"**{one.title}** {one.reading}\n\n{markdown(one.columns, one.rows)}" for one in check_panels(results)
        ]
        made = f"`{results['command']}`, torch {results['versions']['torch']}"
        return _folded("All figures", spaced("\n\n".join([*tables, f"<small>{made}</small>"])))
    if what == "orderings":
        sweep = markdown(*lasso_lines(results))
        held = "\n".join(f"- {line}" for line in orderings(results))
        return f"{held}\n\n" + _folded("Lasso with more entries (table 2a; the paper's error in brackets)", sweep)
    if what == "ratios":
        return "\n".join(f"- {line}" for line in ratios(results))
    if what == "standing":
        return "\n".join(f"- {line}" for line in standing(results))
    if what == "tests":
        return _folded("The paired tests", markdown(*paired_lines(results)))
    figures = [f"<figcaption>{TITLES[key]}</figcaption>{dots(results, key)}" for key in keys]
    return "".join(f'<figure class="dots-figure">{figure}</figure>' for figure in figures)


def _folded(title: str, text: str) -> str:
    """What opens at a click."""
    return f'??? abstract "{title}"\n\n' + "\n".join(f"    {line}" if line else "" for line in text.split("\n"))
