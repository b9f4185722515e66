"""Annotation files of PASCAL VOC Part, written as MATLAB would."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

Write = Callable[..., Path]


def record(**fields: Any) -> np.ndarray:
    """A MATLAB struct."""
    made = np.empty((1, 1), [(name, object) for name in fields])
    for name, value in fields.items():
        made[name][0, 0] = value
    return made


def row(records: Sequence[np.ndarray]) -> np.ndarray:
    """A row of structs; MATLAB's [] where there are none."""
    return np.concatenate(list(records), axis=1) if records else np.zeros((0, 0))


@pytest.fixture
def write_annotation() -> Write:
    """Write `folder/image.mat`: of each object its class, its mask and its parts as (name, mask)."""

    def write(
        folder: Path,
        image: str,
        objects: Sequence[tuple[str, np.ndarray, Sequence[tuple[str, np.ndarray]]]],
        *,
        imname: Any = None,
        compress: bool = True,
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        made = [
            record(
                **{"class": name, "class_ind": 1.0, "mask": mask},
                parts=row([record(part_name=part, mask=seen) for part, seen in parts]),
            )
            for name, mask, parts in objects
        ]
        anno = record(imname=image if imname is None else imname, objects=row(made))
        savemat(folder / f"{image}.mat", {"anno": anno}, do_compression=compress)
        return folder / f"{image}.mat"

    return write
