"""Results files as tables and as a drawing, for the terminal and for the documentation."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from whynet.workflows.concepts.completeness import GAMMAS

_BY_GAMMA = {"completeness": "Complete at ", "kept_area": "Kept at ", "rival_at_area": "As much as at "}
SHARES = (
    "accuracy", "true_of_image", "true_of_class", "recall", "distinct", "copied", "ece_words", "ece_claims",
    "grounded_named_part", "grounded_other_part", "f_cls", "f_cls_train", "unmasked", "causal_more", "context",
    *(f"{kind}_{gamma}" for kind in _BY_GAMMA for gamma in GAMMAS), "classes_with_filters", "relative_error",
    "trained_category", "silent", "fitness", "part_error", "reads_monotone", "trees_monotone", "hits_a_part",
)  # fmt: skip
"""Figures in [0, 1], shown in percent."""
FINE = (
    "f_reg", "f_reg_train", "o1", "o2", "locality", "locality_parts", "stability", "stability_floor", "causal_named",
    "causal_other", "causal_blind", "causal_own", "causal_rival", "part_interpretability",
)  # fmt: skip
"""Figures that are shown with two decimals."""
FINEST = (
    "location_instability",
    "constant_centre",
    "lowest_constant_centre",
    "assigned_instability",
    "assigned_constant_centre",
    "radius",
    "own_radius",
    "instability_of_few",
    "instability_of_all",
    "one_shot_error",
)
"""With three."""
TITLES = {
    "accuracy": "Accuracy, %", "meteor_coco": "METEOR (coco)", "bleu4_coco": "BLEU-4 (coco)",
    "cider_d_coco": "CIDEr-D (coco)", "meteor_interpnet": "METEOR (interpnet)",
    "bleu4_interpnet": "BLEU-4 (interpnet)", "cider_interpnet": "CIDEr (interpnet)",
    "cider_d_interpnet": "CIDEr-D (interpnet)",
    "true_of_image": "Claims true, %", "recall": "Telling attributes named, %", "class_similarity": "Class similarity",
    "class_rank": "Class rank", "distinct": "Distinct, %", "copied": "Copied, %", "ece_words": "ECE of words, %",
    "ece_claims": "ECE of claims, %", "grounded_named_part": "Falls without its part, %",
    "grounded_other_part": "Falls without another, %",
    "f_reg": "F_reg", "f_reg_train": "F_reg, training", "f_cls": "F_cls, %", "f_cls_train": "F_cls, training, %",
    "o1": "O1", "o2": "O2", "locality": "Locality", "locality_parts": "Locality, parts alone",
    "context": "On the context, %", "live": "Live", "stability": "Stability",
    "stability_floor": "of others", "unmasked": "Unmasked, %",
    "causal_named": "Falls without its part", "causal_other": "without another",
    "causal_blind": "without the largest", "causal_own": "Where x-features name several: without its own",
    "causal_rival": "without theirs",
    "causal_more": "Falls more without its part, %",
    "part_interpretability": "Part interpretability", "location_instability": "Location instability",
    "constant_centre": "Constant centre", "assigned_instability": "In the class it fires for",
    "assigned_constant_centre": "centre there",
    "lowest_constant_centre": "centre, in its own steadiest class", "trained_category": "Fire for the trained class, %",
    "silent": "Silent, % of pictures", "without_part": "without a part's figure", "radius": "Radius of fields",
    "without_instability": "without an instability", "own_radius": "as measured",
    "unique_detectors": "Parts detected", "detectors": "Detectors", "classes_with_filters": "Classes with filters, %",
    "dead": "Dead", "num_filters": "Filters",
    "relative_error": "Error of the logit, %", "fitness": "Fitness of filters, %", "part_error": "Error of parts, %",
    "reads_monotone": "Truer layer by layer, %", "trees_monotone": "of single trees, %", "depth": "Layers",
    "instability_of_few": "among as many as filters", "instability_of_all": "of all",
    "one_shot_error": "One-shot error", "candidates": "Candidates", "hits_a_part": "Hit one part, %",
    "num_hitting": "how many", "parts_hit": "different parts",
    **{
        f"{kind}_{gamma}": f"{title}{int(gamma)} %"
        for kind, title in _BY_GAMMA.items()
        for gamma in GAMMAS
    },
}  # fmt: skip
PANELS = {
    "The paper's protocol, with the paper's own figures": (
        "meteor_interpnet", "bleu4_interpnet", "cider_interpnet", "cider_d_interpnet", "accuracy",
    ),
    "The captioning community's protocol": ("meteor_coco", "bleu4_coco", "cider_d_coco"),
    "Truth, and how well the sentence tells the class": ("true_of_image", "recall", "class_similarity", "class_rank"),
    "Honesty": (
        "distinct", "copied", "ece_words", "ece_claims", "grounded_named_part", "grounded_other_part",
    ),
    "Faithful? The logit read off the x-features (table 1a)": ("f_reg_train", "f_reg", "f_cls_train", "f_cls"),
    "Each somewhere else, each in few parts? Heat maps (table 1a; lower is better)": (
        "o1", "o2", "locality", "locality_parts", "context", "live",
    ),
    "Complete? Accuracy where only what the maps show is kept, by gamma (tables 2b and 3)": (
        "unmasked", *(f"completeness_{gamma}" for gamma in GAMMAS),
    ),
    "How much of the picture that keeps, by gamma": tuple(f"kept_area_{gamma}" for gamma in GAMMAS),
    "Plain excitation backprop that keeps as many pixels": tuple(f"rival_at_area_{gamma}" for gamma in GAMMAS),
    "Does a filter stand for one part? (part interpretability: higher; location instability: lower is better)": (
        "accuracy", "part_interpretability", "location_instability", "constant_centre", "unique_detectors",
        "classes_with_filters", "num_filters",
    ),
    "How far filters wander in the class that they fire for most, and what counted": (
        "assigned_instability", "assigned_constant_centre", "lowest_constant_centre", "trained_category", "silent",
        "dead", "without_part", "without_instability", "radius", "own_radius",
    ),
    "Does a tree say why the network decides? (errors: lower; fitness: higher is better)": (
        "relative_error", "fitness", "part_error", "accuracy", "reads_monotone", "trees_monotone", "depth",
    ),
    "Does a node keep to one part? (instability and one-shot error: lower; hits: higher is better)": (
        "location_instability", "constant_centre", "instability_of_few", "instability_of_all", "one_shot_error",
        "hits_a_part", "num_hitting", "parts_hit", "candidates",
    ),
    "The same whatever the seed, and caused by what the maps show?": (
        "stability", "stability_floor", "causal_named", "causal_other", "causal_more", "causal_blind", "causal_own",
        "causal_rival",
    ),
}  # fmt: skip
"""The tables of one results file; class rank, copies and calibration errors are better when lower."""


def panel(results: Mapping[str, Any], keys: Sequence[str], *, papers: bool = True) -> tuple[list[str], list[list[str]]]:
    """Column titles and one row a model, floors last; "" where a figure does not apply.

    Args:
        results: What a results file holds.
        keys: Its columns.
        papers: Whether the paper's figures follow in brackets.
    """
    rows = [*results["rows"], *results.get("floors", [])]
    keys = [key for key in keys if any(key in row["metrics"] for row in rows)]
    columns = ["", *(TITLES[key] for key in keys)]
    return columns, [
        [_name(row), *(_cell(row, key, papers) for key in keys)]
        for row in rows
        if any(key in row["metrics"] for key in keys)
    ]


def panels(results: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Title, columns and rows of each table of a results file; without those all of whose columns another has."""
    there = {key for row in [*results["rows"], *results.get("floors", [])] for key in row["metrics"]}
    shown = {title: there.intersection(keys) for title, keys in PANELS.items()}
    for title, keys in PANELS.items():
        if shown[title] and not any(shown[title] < other for other in shown.values()):
            yield title, *panel(results, keys)


def paired_lines(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The paired tests: what the one has more than the other, with its 95 % interval over the pairs, and p.

    A pair is a seed, or, where figures are of classes, a class of a seed; classes of one seed share its network.
    """
    condition = any("condition" in test for test in results["tests"])
    columns = [
        "Difference",
        *(["condition"] if condition else []),
        "figure",
        "pairs",
        "mean",
        "95 % interval",
        "p",
        "p (Holm)",
    ]
    rows = []
    for test in results["tests"]:
        factor, form = _shown_as(test["metric"])
        form = f"+{form}"
        low, high = factor * test["low"], factor * test["high"]
        rows.append(
            [
                f"{test['a']} − {test['b']}",  # noqa: RUF001 (a minus sign is meant)
                *([test["condition"]] if condition else []),
                TITLES[test["metric"]],
                str(test["n"]),
                f"{factor * test['difference']:{form}}",
                f"{low:{form}} to {high:{form}}",
                f"{test['p_value']:.3f}",
                f"{test['p_holm']:.3f}",
            ]
        )
    return columns, rows


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown: the first column to the left, figures to the right; a cell is one line, bars and all."""
    lines = [columns, ["---", *("---:" for _ in columns[1:])], *rows]
    cells = [[cell.replace("\n", " ").replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


WIDTH, LABEL, LINE, MARGIN, CHARACTER = 560, 210, 26, 34, 6.5
"""In pixels: of the drawing, of its names, of a row, of the axis, and of one character of a name."""


def dots(results: Mapping[str, Any], key: str) -> str:
    """One figure of every model as an SVG: a dot a seed, a bar at the mean, a diamond for the paper, floors paler.

    Where some rows with the figure are of no condition, the conditions are variants of these, and left to the tables.
    Where conditions are drawn, floors are left out: they would take the room that tells the conditions apart.
    """
    known, floors = ([row for row in results.get(kind, []) if key in row["metrics"]] for kind in ("rows", "floors"))
    plain = [row for row in known if not row.get("condition")]
    rows = [*plain, *floors] if plain else known
    label = max(LABEL, 20 + round(CHARACTER * max(len(_name(row)) for row in rows)))
    width = WIDTH + label - LABEL
    factor = 100 if key in SHARES else 1
    values = [factor * value for row in rows for value in row["metrics"][key]["values"] if value is not None]
    papers = [factor * row["paper"][key] for row in rows if key in row.get("paper", {})]
    low, high = min([*values, *papers]), max([*values, *papers])
    room = (high - low or 1) * 0.06
    low, high = low - room, high + room

    def x(value: float) -> Any:
        return label + (width - label - 16) * (value - low) / (high - low)

    height = LINE * len(rows) + MARGIN
    parts = [
        f'<svg class="dots" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(TITLES[key])} by model">'
    ]
    for tick in _ticks(low, high):
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{height - MARGIN + 6}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - 12}">{tick:g}</text>')
    for number, row in enumerate(rows):
        y = LINE * (number + 0.5) + 4
        kind = "floor" if row in floors else "model"
        parts.append(f'<text class="row" x="{label - 10}" y="{y + 4:.1f}">{escape(_name(row))}</text>')
        metric = row["metrics"][key]
        mean = x(factor * metric["mean"])
        parts.append(f'<line class="mean {kind}" x1="{mean:.1f}" x2="{mean:.1f}" y1="{y - 9:.1f}" y2="{y + 9:.1f}"/>')
        for value in filter(lambda own: own is not None, metric["values"]):  # a seed may lack a figure
            parts.append(f'<circle class="seed {kind}" cx="{x(factor * value):.1f}" cy="{y:.1f}" r="4"/>')
        if key in row.get("paper", {}):
            at = x(factor * row["paper"][key])
            parts.append(f'<path class="paper" d="M{at:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>')
    return "".join([*parts, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers within a range."""
    span = high - low
    step = next(s * 10**e for e in range(-4, 5) for s in (1, 2, 5) if span / (s * 10**e) <= 6)
    first = int(low // step) + 1
    return [round(float(step * n), 6) for n in range(first, int(high // step) + 1)]


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['name']}, {row['condition']}" if "condition" in row else str(row["name"])


def _shown_as(key: str) -> tuple[int, str]:
    """By what a figure is multiplied, and its format."""
    return 100 if key in SHARES else 1, ".3f" if key in FINEST else ".2f" if key in FINE else ".1f"


def _cell(row: Mapping[str, Any], key: str, papers: bool) -> str:
    metric = row["metrics"].get(key)
    if metric is None:
        return ""
    factor, form = _shown_as(key)
    spread = "" if metric["sd"] is None else f" ± {factor * metric['sd']:{form}}"
    paper = f" ({factor * row['paper'][key]:{form}})" if papers and key in row.get("paper", {}) else ""
    return f"{factor * metric['mean']:{form}}{spread}{paper}"
