"""What is told of SRAE's results beside the tables that all studies have: Lasso's sweep, and which orderings hold."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whynet.metrics.paired_test import paired_test
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
    """For each of the paper's orderings of SRAE against another row, whether it holds here, in a sentence each.

    Of several seeds a difference counts only where its 95 % interval over the seeds (each the mean of its classes)
    leaves out 0.
    """
    rows = {row["name"]: row for row in results["rows"]}
    srae = rows["SRAE"]
    for key, title in _ORDERED.items():
        held: list[str] = []
        turned: list[str] = []
        noise: list[str] = []
        for name, row in rows.items():
            if name == "SRAE" or key not in row.get("paper", {}) or key not in row["metrics"]:
                continue
            theirs = srae["paper"][key] - row["paper"][key]
            ours = srae["metrics"][key]["mean"] - row["metrics"][key]["mean"]
            if theirs:
                settled = _is_settled(srae["metrics"][key]["values"], row["metrics"][key]["values"])
                (noise if not settled else held if theirs * ours > 0 else turned).append(name)
        better = "higher" if key in _HIGHER else "lower"
        if held:
            yield f"{title} ({better} is better): SRAE stands to {_listed(held)} as in the paper."
        if turned:
            yield f"{title} ({better} is better): SRAE does not stand to {_listed(turned)} as in the paper."
        if noise:
            than = f"from {_listed(noise)} beyond the noise of the seeds"
            yield f"{title} ({better} is better): SRAE does not differ {than}."


def _is_settled(mine: Sequence[float | None], theirs: Sequence[float | None]) -> bool:
    """Whether the difference over the seeds is more than their noise; one seed has none."""
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
    if len(pairs) < 2:
        return True
    test = paired_test([a for a, _ in pairs], [b for _, b in pairs])
    return test.low > 0 or test.high < 0


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
