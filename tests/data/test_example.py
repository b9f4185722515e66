from dataclasses import dataclass, field

import numpy as np
import pytest

from whynet.base.errors import DataError, ImageError
from whynet.data.example import Example, ExampleDataset, digest_of


@dataclass(eq=False)
class Noise(ExampleDataset):
    """Pictures of noise, of which some cannot be opened."""

    class_names: tuple[str, ...] = ("jay", "owl")
    names: list[str] = field(default_factory=lambda: ["a", "b", "c"])
    labels: list[int] = field(default_factory=lambda: [0, 1, 0])
    seed: int = 0
    shape: tuple[int, int, int] = (4, 6, 3)
    unusable: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.captions = [()] * len(self.names)
        self.images = np.random.default_rng(self.seed).integers(0, 256, (3, 72), dtype=np.uint8)

    def __getitem__(self, index: int) -> Example:
        if index in self.unusable:
            raise ImageError("the picture is damaged")
        return Example(
            name=self.names[index], image=self.images[index].reshape(self.shape), label=int(self.labels[index])
        )


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": ("jay", "rook")},
        {"names": ["a", "b", "d"]},
        {"labels": [0, 1, 1]},
        {"seed": 1},
        {"shape": (6, 4, 3)},
        {"unusable": (1,)},
    ],
)
def test_whatever_changes_the_pictures_changes_the_fingerprint(change: dict[str, object]) -> None:
    assert Noise().fingerprint() == Noise().fingerprint()
    assert Noise(**change).fingerprint() != Noise().fingerprint()


def test_one_pixel_changes_the_fingerprint() -> None:
    changed = Noise()
    changed.images[2, 71] ^= 1
    assert changed.fingerprint() != Noise().fingerprint()


def test_a_subset_is_told_by_its_whole_and_its_order() -> None:
    prints = [
        Noise().fingerprint(),
        Noise().subset([0, 1, 2]).fingerprint(),
        Noise().subset([1, 0, 2]).fingerprint(),
        Noise().subset([0, 1]).fingerprint(),
        Noise(seed=1).subset([0, 1]).fingerprint(),
        Noise(unusable=(2,)).subset([0, 1]).fingerprint(),
        Noise().subset([0, 1]).subset([0, 1]).fingerprint(),
    ]
    assert len(set(prints)) == len(prints)
    assert Noise(labels=[*np.array([0, 1, 0])]).subset([0, 1]).fingerprint() == prints[3]


def test_digests_keep_parts_apart() -> None:
    parts: list[tuple[object, ...]] = [("ab",), ("a", "b"), (["a", "b"],), ([1],), (["1"],), ([None],), ()]
    assert len({digest_of(*part) for part in parts}) == len(parts)
    assert len(digest_of()) == 32


def with_boxes(*boxes: list[float]) -> Example:
    return Example(name="jay.jpg", image=np.zeros((10, 20, 3), np.uint8), label=0, part_boxes=np.array(boxes))


def test_boxes_of_parts_may_be_absent_or_overhang() -> None:
    with_boxes([np.nan] * 4, [-5.0, -5.0, 1.0, 1.0], [19.0, 9.0, 30.0, 30.0], [0.0, 0.0, 20.0, 10.0])


@pytest.mark.parametrize(
    "box",
    [
        [20.0, 3.0, 30.0, 8.0],
        [-4.0, 3.0, 0.0, 8.0],
        [2.0, 10.0, 3.0, 12.0],
        [2.0, -2.0, 3.0, 0.0],
        [2.0, 3.0, 2.0, 8.0],
        [2.0, 8.0, 5.0, 3.0],
        [2.0, 3.0, 5.0, np.nan],
    ],
)
def test_a_box_that_covers_nothing(box: list[float]) -> None:
    given = ", ".join(f"{edge:g}" for edge in box)
    message = rf"jay\.jpg: the box of part 1 \({given}\) covers nothing of the picture of 20 x 10 pixels; correct it"
    with pytest.raises(DataError, match=message):
        with_boxes([np.nan] * 4, box)
