"""The README's tables, from the files beside this one.

python results/table.py
"""

import json
from pathlib import Path
from typing import Any

SHOWN = {
    "accuracy": "Test accuracy, %",
    "true_of_image": "Claims true of the picture, %",
    "recall": "Telling attributes named, %",
    "meteor_coco": "METEOR (coco)",
    "bleu4_coco": "BLEU-4 (coco)",
    "cider_d_coco": "CIDEr-D (coco)",
}
SHARES = ("accuracy", "true_of_image", "recall")
TITLES = {"birds": "painted birds", "cub10": "ten species of CUB"}


def table(results: dict[str, Any]) -> str:
    """Mean and standard deviation over the seeds, one column a row of the results."""
    title = TITLES.get(results["data"], results["data"])
    columns = [f"{title}, {len(results['seeds'])} seeds", *(row["name"] for row in results["rows"])]
    lines = [columns, ["---", *("---:" for _ in results["rows"])]]
    for key, name in SHOWN.items():
        if key in results["rows"][0]["metrics"]:
            lines.append(
                [name, *(_figure(row["metrics"].get(key), 100 if key in SHARES else 1) for row in results["rows"])]
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(metric: dict[str, Any] | None, scale: float) -> str:
    if metric is None:
        return ""
    spread = "" if metric["sd"] is None else f" ± {scale * metric['sd']:.1f}"
    return f"{scale * metric['mean']:.1f}{spread}"


if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("demo-*.json")):
        print(table(json.loads(path.read_text())), end="\n\n")
