"""The README's tables, from the files beside this one.

python results/table.py
"""

import json
from pathlib import Path

from whynet.workflows.reproduce.tables import markdown, panel

SHOWN = {
    "interpnet-birds": ("accuracy", "meteor_coco", "cider_d_coco", "true_of_image", "recall", "class_rank"),
}
TITLES = {"birds": "painted birds"}


def table(study: str) -> str:
    """Mean and standard deviation over the seeds, one row a model, floors last."""
    results = json.loads((Path(__file__).parent / f"{study}.json").read_text("utf-8"))
    columns, rows = panel(results, SHOWN[study], papers=False)
    return markdown([f"{TITLES[results['data']]}, {len(results['seeds'])} seeds", *columns[1:]], rows)


if __name__ == "__main__":
    for study in SHOWN:
        print(table(study), end="\n\n")
