"""`python -m whynet.data.birds PICTURE`: paint a sheet of every family and save it."""

import sys
from pathlib import Path

import cv2
import numpy as np

from whynet.data.birds.contact_sheet import annotated_strip, contact_sheet
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.families import FAMILIES
from whynet.data.birds.individual import Difficulty


def main(arguments: list[str]) -> int:
    """Two individuals of each family, and one bird with its parts, landmarks and three interventions."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m whynet.data.birds PICTURE (one file name, as in birds.png)\n")
        return 2
    clear = Difficulty(noise=(0.0, 0.0), occluder=0.15)
    birds = PaintedBirds("test", num_species=4 * len(FAMILIES), per_class=4, image_size=150, difficulty=clear)
    families = contact_sheet(birds, 2, len(FAMILIES))
    middle = families.shape[1] // 2
    shown = next(index for index in range(len(birds)) if _shows_all(birds, index))
    strip = annotated_strip(birds, shown, ("crest", "wing"), ("wing", "red"))
    sheet = np.vstack((families[:, : middle + 2], families[:, middle - 2 :], strip))
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    target.write_bytes(encoded.tobytes())
    return 0


def _shows_all(birds: PaintedBirds, index: int) -> bool:
    bird, plumage = birds.individual(index), birds.plumage(index)
    return plumage.crested and plumage.wing_bars is not None and bird.occluder is None and bird.stance == "perch"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
