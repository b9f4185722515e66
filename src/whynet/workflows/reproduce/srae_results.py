"""What a study of SRAE makes of its seeds: rows with means and spreads, paired tests, and what was chosen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from whynet.metrics.paired_test import paired_test
from whynet.workflows.concepts.search import FOLDS, NUM_CLASSES, is_faithful
from whynet.workflows.reproduce.srae_plan import COMPARISONS, ROWS, SRAEScale
from whynet.workflows.reproduce.study import adjusted, over_classes, spread


def plain(value: Any) -> Any:
    """Settings as JSON gives them back."""
    if isinstance(value, Mapping):
        return {key: plain(own) for key, own in value.items()}
    return [plain(own) for own in value] if isinstance(value, (list, tuple)) else value


def results_of(measured: Sequence[dict[str, Any]], scale: SRAEScale) -> dict[str, Any]:
    """What the results file holds beside its header.

    Args:
        measured: What each seed's network shows.
        scale: How large everything is.
    """
    rows = []
    for name, paper in ROWS.items():
        by_seed = [own["rows"][name] for own in measured if name in own["rows"]]
        keys = list(dict.fromkeys(key for seed in by_seed for figures in seed for key in figures))
        metrics = {key: over_classes([[one[key] for one in seed if key in one] for seed in by_seed]) for key in keys}
        row: dict[str, Any] = {"name": name, **({"paper": paper} if paper else {}), "metrics": metrics}
        total = sum(len(seed) for seed in by_seed)
        if lacking := {key: missing for key in keys if (missing := total - metrics[key]["n"])}:
            row["lacking"] = lacking
        rows.append(row)
    return {
        "settings": {
            "scale": plain(asdict(scale)), "folds": FOLDS, "search_classes": NUM_CLASSES,
            "chosen": measured[0]["settings"], "chosen_are_faithful": _faithful(measured[0]),
        },
        "layer": measured[0]["layer"],
        "map_layer": measured[0]["map_layer"],
        "class_names": measured[0]["class_names"],
        "classifier_accuracy": spread([own["accuracy"] for own in measured]),
        "rows": rows,
        "lasso": [own["lasso"] for own in measured],
        "shift": spread([own["shift"] for own in measured]),
        "tests": _tests(measured),
        "search": measured[0]["search"],
    }  # fmt: skip


def _faithful(measured: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the settings chosen for each row were faithful enough on held-out pictures."""
    found = {(one["row"], json.dumps(one["settings"])): is_faithful(one) for one in measured["search"]}
    return {row: found[row, json.dumps(settings)] for row, settings in measured["settings"].items()}


def _tests(measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Paired over class x seed: what SRAE has more than each of the others; Holm over all tests."""
    tests: list[dict[str, Any]] = []
    for one in COMPARISONS:
        pairs = [
            (mine[one.key], theirs[one.other_key])
            for own in measured
            for mine, theirs in zip(own["rows"]["SRAE"], own["rows"][one.row], strict=True)
            if one.key in mine and one.other_key in theirs
        ]
        if len(pairs) > 1:
            test = paired_test([mine for mine, _ in pairs], [theirs for _, theirs in pairs])
            better = (test.difference < 0) == one.lower and test.difference != 0
            tests.append({"a": "SRAE", "b": one.other, "metric": one.key, **asdict(test), "is_better": better})
    return adjusted(tests)
