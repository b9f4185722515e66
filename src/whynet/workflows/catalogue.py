"""The data sets that commands know by name, each with its train, validation and test part."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from whynet.base.errors import DataError
from whynet.base.progress import reporting
from whynet.data.animal_parts import AnimalParts
from whynet.data.bad_examples import without_bad
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.individual import Difficulty
from whynet.data.birds.interventions import (
    WHOLE_PARTS,
    Intervention,
    host_of_claim,
    interventions,
    without_part,
)
from whynet.data.birds.parsing import parse_claims
from whynet.data.cub import CUB
from whynet.data.example import Claim, Example, ExampleDataset
from whynet.data.image_folder import ImageFolder
from whynet.data.one_against_others import OneAgainstOthers
from whynet.data.split import stratified_split
from whynet.data.voc_parts import VOCParts
from whynet.workflows.settings import MULTI, DataSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class ClaimTruth:
    """What a data set knows of the truth of a sentence, beside each example's attributes.

    Args:
        parse: The claims that a sentence makes.
        of_class: For each class the claims that hold for it.
        discriminative: For each class the claims that tell it from others.
    """

    parse: Callable[[str], frozenset[Claim]]
    of_class: Sequence[frozenset[Claim]]
    discriminative: Sequence[frozenset[Claim]]


Intervene = Callable[[int, Sequence[tuple[str, frozenset[Claim]]], int], list[Intervention | None]]
"""Test picture, words of a sentence with the true claims that need each, and a seed: the changed pictures."""

WithoutPart = Callable[[int, str, int], tuple[Example, Example] | None]
"""Test picture, part and a seed: the picture without the part, and without another that is seen as well, if it can."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """The three parts of a data set, of the same classes.

    Args:
        train, validation, test: The parts.
        claims: Where the truth of a sentence can be told.
        interventions: Where a test picture can be changed at the part that a word names, and elsewhere.
        without_part: Where a test picture can be had without a part, and without another.
        part_of_claim: Which part an attribute can be seen on, by the names of `whole_parts`.
        whole_parts: What people call a part whose landmark has another name, as in "beak": "bill".
        landmarks: The parts from which the place of a filter is measured, by the names of `part_names`.
    """

    train: ExampleDataset
    validation: ExampleDataset
    test: ExampleDataset
    claims: ClaimTruth | None = None
    interventions: Intervene | None = None
    without_part: WithoutPart | None = None
    part_of_claim: Callable[[Claim], str | None] | None = None
    whole_parts: Mapping[str, str] = field(default_factory=dict)
    landmarks: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, ExampleDataset]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


_LISTED = 10

Open = Callable[[DataSettings, bool], Splits]


def open_data(settings: DataSettings, *, skip_bad: bool = False) -> Splits:
    """Open a data set and every picture in it once.

    Args:
        settings: Which.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.

    Raises:
        SettingError: The task names no class.
        DataError: It is absent, damaged or empty, has one class only or too few pictures of one, or a
            picture cannot be used and `skip_bad` is off.
    """
    splits = DATA[settings.name](settings, skip_bad)
    landmarks = LANDMARKS.get(settings.name, ())
    splits = replace(splits, landmarks=landmarks if set(landmarks) <= set(splits.train.part_names) else ())
    return splits if settings.task == MULTI else _of_one_category(splits, settings)


def _of_one_category(splits: Splits, settings: DataSettings) -> Splits:
    """One class against as many of the others, without sentences and their words, which tell all classes apart."""
    train, validation, test = (
        OneAgainstOthers(part, settings.task, settings.data_seed)
        for part in (splits.train, splits.validation, splits.test)
    )
    return Splits(
        train=train, validation=validation, test=test, landmarks=splits.landmarks, whole_parts=splits.whole_parts
    )


def _birds(settings: DataSettings, _skip_bad: bool) -> Splits:
    part = partial(
        PaintedBirds, num_species=settings.num_species, image_size=settings.input_size, seed=settings.data_seed,
        difficulty=replace(Difficulty().with_departures(settings.departures), rotation=settings.roll),
    )  # fmt: skip
    test = part("test")
    claims = ClaimTruth(parse=parse_claims, of_class=test.class_claims, discriminative=test.discriminative_claims)
    return Splits(
        train=part("train"), validation=part("validation"), test=test, claims=claims,
        interventions=partial(interventions, test), without_part=partial(without_part, test),
        part_of_claim=host_of_claim, whole_parts=WHOLE_PARTS,
    )  # fmt: skip


def _train_and_test(
    open_split: Callable[[Path, str], ExampleDataset], settings: DataSettings, skip_bad: bool
) -> Splits:
    """A data set that comes in two parts; the third is held out of the first."""
    root = Path(str(settings.root))
    held_out = ["validation"]
    train, test = open_split(root, "train"), open_split(root, "test")
    _refuse_small_classes(train, root, held_out)
    checked = _checked(train, "training", skip_bad)
    _refuse_small_classes(checked, root, held_out)
    kept, validation = _held_out(checked, settings)
    return Splits(train=kept, validation=validation, test=_checked(test, "test", skip_bad))


def _voc_parts(root: Path, split: str) -> VOCParts:
    with reporting(f"Reading {split} annotations") as on_progress:
        return VOCParts(root, split, on_progress)


def _folder(settings: DataSettings, skip_bad: bool) -> Splits:
    root = Path(str(settings.root))
    found = {split: ImageFolder(root, split) for split in ImageFolder.splits(root)}
    held_out = [split for split in ("validation", "test") if split not in found]
    _refuse_small_classes(found["train"], root, held_out)  # before every picture is opened
    parts = {split: _checked(examples, split, skip_bad) for split, examples in found.items()}
    train = parts["train"]
    _refuse_small_classes(train, root, held_out)  # after bad ones were left out
    if "test" not in parts:
        train, parts["test"] = _held_out(train, settings, min_kept=len(held_out))
    if "validation" not in parts:
        train, parts["validation"] = _held_out(train, settings)
    return Splits(train=train, validation=parts["validation"], test=parts["test"])


def _checked(examples: ExampleDataset, part: str, skip_bad: bool) -> ExampleDataset:
    with reporting(f"Checking {part} pictures") as on_progress:
        return without_bad(examples, skip_bad, on_progress)


def _refuse_small_classes(train: ExampleDataset, root: Path, held_out: Sequence[str]) -> None:
    """One picture of each class must be left to train on after each part of `held_out` got one."""
    if len(train.class_names) < 2:
        raise DataError(
            f"{root}: a classifier needs two classes, but the only one is {train.class_names[0]}; add another"
        )
    needed = 1 + len(held_out)
    pictures = set(zip(train.labels, train.sources or train.names, strict=True))  # crops of one stay together
    counts = sorted(Counter(label for label, _ in pictures).items())
    if small := [f"{count} in {train.class_names[label]}" for label, count in counts if count < needed]:
        more = f" and {len(small) - _LISTED} classes more" if len(small) > _LISTED else ""
        raise DataError(
            f"{root}: each class needs {needed} training pictures that can be used, 1 to train on and 1 to hold out "
            f"for {' and 1 for '.join(held_out)}, but there is only {', '.join(small[:_LISTED])}{more}; "
            "add pictures or remove the class"
        )


def _held_out(
    examples: ExampleDataset, settings: DataSettings, *, min_kept: int = 1
) -> tuple[ExampleDataset, ExampleDataset]:
    kept, held_out = stratified_split(
        examples.labels, settings.held_out, settings.data_seed, min_kept=min_kept, groups=examples.sources or None
    )
    return examples.subset(kept), examples.subset(held_out)


DATA: dict[str, Open] = {
    "birds": _birds,
    "cub": partial(_train_and_test, CUB),
    "animal_parts": partial(_train_and_test, AnimalParts),
    "voc_parts": partial(_train_and_test, _voc_parts),
    "folder": _folder,
}
"""Adding a data set is one file under `data/`, one line here, and its name and title in `settings.DATA_TITLES`."""

LANDMARKS = {
    "birds": ("forehead", "back", "tail"),
    "cub": ("forehead", "back", "tail"),
    "animal_parts": ("head", "legs"),
    "voc_parts": ("head", "neck", "torso"),
}
"""`Splits.landmarks` of the data sets that name their parts: those of Zhang, Wu & Zhu, CVPR 2018, section 5.2.2.

Their head of a bird is CUB's forehead, as in their released code; the legs of Animal-Part are the frontal ones.
"""
