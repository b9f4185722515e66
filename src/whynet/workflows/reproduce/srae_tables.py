"""What is told of SRAE's results beside the tables that all studies have: Lasso's sweep, and which orderings hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from whynet.workflows.reproduce.srae_plan import LASSO_PAPER

_ORDERED = {"f_cls": "F_cls", "o1": "O1", "o2": "O2", "locality": "locality", "completeness_05": "completeness at 5 %"}
_HIGHER = ("f_cls", "completeness_05")


def lasso_lines(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Table 2(a): columns, and a row for each number of entries; the paper's F_reg in brackets."""
    columns = ["Entries at most", "selected", "F_reg, training", "F_reg", "F_cls, %"]
    rows = []
    for place, first in enumerate(results["lasso"][0]):
        own = [seed[place] for seed in results["lasso"] if place < len(seed)]

        def mean(key: str, own: list[Any] = own) -> float:
            return float(sum(one[key] for one in own) / len(own))

        size = int(first["at_most"])
        paper = f" ({LASSO_PAPER[size]:.2f})" if size in LASSO_PAPER else ""
        rows.append(
            [
                str(size), f"{mean('num_entries'):.1f}", f"{mean('f_reg_train'):.2f}", f"{mean('f_reg'):.2f}{paper}",
                f"{100 * mean('f_cls'):.1f}",
            ]
        )  # fmt: skip
    return columns, rows


def orderings(results: Mapping[str, Any]) -> Iterator[str]:
    """For each of the paper's orderings of SRAE against another row, whether it holds here, in a sentence each."""
    rows = {row["name"]: row for row in results["rows"]}
    srae = rows["SRAE"]
    for key, title in _ORDERED.items():
        held: list[str] = []
        turned: list[str] = []
        for name, row in rows.items():
            if name == "SRAE" or key not in row.get("paper", {}) or key not in row["metrics"]:
                continue
            theirs = srae["paper"][key] - row["paper"][key]
            ours = srae["metrics"][key]["mean"] - row["metrics"][key]["mean"]
            if theirs:
                (held if theirs * ours > 0 else turned).append(name)
        better = "higher" if key in _HIGHER else "lower"
        if held:
            yield f"{title} ({better} is better): SRAE stands to {_listed(held)} as in the paper."
        if turned:
            yield f"{title} ({better} is better): SRAE does not stand to {_listed(turned)} as in the paper."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
