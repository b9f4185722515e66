"""How fast birds are painted, on one core.

A ratio compares one example (picture, part map, landmarks, claims and ten captions) with a floor that any picture
costs: blurring it at three times its side, averaging it down and encoding it as JPEG with OpenCV.

    python benchmarks/painted_birds.py [--json FILE]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from harness.figures import give, machine

from whynet.data.birds import PaintedBirds

ROUNDS, PICTURES = 7, 100


def seconds_each(work: Callable[[int], object]) -> float:
    """Mean seconds of a call over `PICTURES` calls."""
    start = time.perf_counter()
    for index in range(PICTURES):
        work(index)
    return (time.perf_counter() - start) / PICTURES


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    ratios, speeds = {}, {}
    for size in (64, 192):
        birds = PaintedBirds("test", per_class=PICTURES, image_size=size)
        pictures = [np.repeat(np.repeat(birds.paint(index).image, 3, 0), 3, 1) for index in range(4)]

        def floor(index: int, pictures: list[np.ndarray] = pictures, size: int = size) -> object:
            blurred = cv2.GaussianBlur(pictures[index % 4], (0, 0), 3)
            return cv2.imencode(".jpg", cv2.resize(blurred, (size, size), interpolation=cv2.INTER_AREA))

        rounds = [(seconds_each(birds.paint), seconds_each(floor)) for _ in range(ROUNDS)]
        quotients = [painting / least for painting, least in rounds]
        name = f"painted_birds.{size}.floor"
        ratios[name] = {"median": statistics.median(quotients), "min": min(quotients), "max": max(quotients)}
        speeds[str(size)] = 1 / statistics.median(painting for painting, _ in rounds)
    figures = {
        "machine": machine(),
        "versions": {"opencv": cv2.__version__, "numpy": np.__version__},
        "ratios": ratios,
        "images_per_second": speeds["64"],
        "images_per_second_by_size": speeds,
    }
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
