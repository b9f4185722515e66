"""Painted birds: the embedded data set, painted in code and fully known.

In place of photographs: every picture comes with ten captions, the 15 landmarks of CUB-200-2011, a map of the part
seen at each pixel, the claims that can be seen in it, and interventions (the same bird without a part, or with a part
recoloured).
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whynet.base.errors import SettingError
from whynet.base.progress import track
from whynet.data.bird_parts import LARGE_PARTS
from whynet.data.birds.cache import PaintedSplit, cache_folder, read_split, split_folder, write_split
from whynet.data.birds.captions import Caption, write_captions
from whynet.data.birds.claims import discriminative_claims, seen_claims, species_claims
from whynet.data.birds.individual import Difficulty, Individual, draw_individual
from whynet.data.birds.painter import Painting, paint
from whynet.data.birds.palette import COLOURS
from whynet.data.birds.parts import PART_NAMES
from whynet.data.birds.species import Plumage, Species, make_species
from whynet.data.example import Claim, Example, ExampleDataset

PER_CLASS: dict[str, int] = {"train": 150, "validation": 20, "test": 50}
MIN_SIZE, MAX_SIZE = 16, 1024

_SINGLES = 64
"""So many pictures are painted one by one before the whole split is painted at once."""
_MEMORY_BYTES = 1 << 30
"""Splits whose pictures take more than this keep their texts only."""
_MARKS = {"crest": "crested", "eyebrow": "eyebrow", "eye ring": "eye_ring", "wing bars": "wing_bars",
"tail tip": "tail_tip", "breast pattern": "breast_pattern"}  # fmt: skip
_SIDES = {"wing": ("left wing", "right wing"), "leg": ("left leg", "right leg"), "eye": ("left eye", "right eye"),
"bill": ("beak",)}  # fmt: skip


class PaintedBirds(ExampleDataset):
    """Pictures of painted birds, deterministic in their arguments.

    Args:
        split: "train", "validation" or "test": independent random streams of the same seed and species.
        num_species: 2 to 200 classes.
        per_class: Pictures a class; by default 150, 20 and 50 for train, validation and test.
        image_size: Side of the square pictures, 16 to 1024 pixels.
        seed: Of the individuals, at least 0; the species depend on `num_species` alone.
        cache: Folder to keep painted splits in; by default WHYNET_CACHE or the user's cache folder.
        difficulty: How far individuals stray.

    Attributes:
        species: The species, in the order of the labels.
        class_claims: For each class the claims that hold for at least one of its plumages.
        discriminative_claims: Of these the ones that at most a quarter of all species can show in any plumage.

    Raises:
        SettingError: An argument is out of its range.
    """

    part_names = PART_NAMES
    counted_with = LARGE_PARTS

    def __init__(
        self,
        split: str = "train",
        *,
        num_species: int = 20,
        per_class: int | None = None,
        image_size: int = 64,
        seed: int = 0,
        cache: Path | None = None,
        difficulty: Difficulty | None = None,
    ) -> None:
        if split not in PER_CLASS:
            raise SettingError(f'split must be "train", "validation" or "test", got {split!r}; choose one of the three')
        if not MIN_SIZE <= image_size <= MAX_SIZE:
            raise SettingError(
                f"image_size must be {MIN_SIZE} to {MAX_SIZE} pixels, got {image_size}; choose a size in that range"
            )
        per_class = PER_CLASS[split] if per_class is None else per_class
        if per_class < 1:
            raise SettingError(f"per_class must be at least 1 picture, got {per_class}; ask for one or more")
        if seed < 0:
            raise SettingError(f"seed must be at least 0, got {seed}; choose a seed that is not negative")
        self.split = split
        self.image_size = image_size
        self.difficulty = Difficulty() if difficulty is None else difficulty
        self.species: tuple[Species, ...] = make_species(num_species)
        self.class_names = tuple(species.name for species in self.species)
        self.class_claims = tuple(species_claims(species) for species in self.species)
        self.discriminative_claims = discriminative_claims(self.class_claims)
        self.labels: Sequence[int] = [index % num_species for index in range(num_species * per_class)]
        self.names: Sequence[str] = [
            f"{split}/{index:04d} {self.class_names[label].lower()}" for index, label in enumerate(self.labels)
        ]
        self._stream = f"{num_species}/{split}/{seed}"
        self._rarity = {
            claim: 1 - sum(claim in claims for claims in self.class_claims) / num_species
            for claim in frozenset().union(*self.class_claims)
        }
        self._folder = split_folder(
            cache_folder(cache), split=split, num_species=num_species, per_class=per_class, image_size=image_size,
            seed=seed,
            difficulty=self.difficulty,
        )  # fmt: skip
        self._painted: PaintedSplit | None = None
        self._singles = 0

    @property
    def captions(self) -> Sequence[tuple[str, ...]]:  # type: ignore[override]
        """Each picture's ten sentences; paints the split when first asked for."""
        return self.prepare().captions

    @property
    def caption_claims(self) -> Sequence[tuple[frozenset[Claim], ...]]:
        """The claims that each of `captions` was made from."""
        return self.prepare().caption_claims

    @property
    def attributes(self) -> Sequence[frozenset[Claim]]:
        """Each picture's claims: what can be seen in it."""
        return self.prepare().attributes

    def prepare(self) -> PaintedSplit:
        """Paint the split, or read it from the cache, and keep it in memory."""
        if self._painted is None:
            self._painted = read_split(self._folder, len(self))
        if self._painted is None:
            self._painted = self._paint_split()
            write_split(self._folder, self._painted)
        return self._painted

    def __getitem__(self, index: int) -> Example:
        """Picture `index` with all that is known about it; raises `IndexError` beyond the last."""
        index = self._position(index)
        if self._painted is None and self._singles < _SINGLES:
            self._singles += 1
            return self.paint(index)
        split = self.prepare()
        if split.images is None or split.part_maps is None or split.landmarks is None or split.boxes is None:
            return self.paint(index)
        x0, y0, x1, y1 = split.boxes[index].tolist()
        return Example(
            name=self.names[index],
            image=split.images[index].copy(),
            label=self.labels[index],
            captions=split.captions[index],
            landmarks=split.landmarks[index].copy(),
            part_map=split.part_maps[index].copy(),
            box=None if x0 < 0 else (x0, y0, x1, y1),
            attributes=split.attributes[index],
        )

    def fingerprint(self) -> str:
        """A hex digest of the arguments and of the painter (`split_folder`); nothing is painted."""
        return self._folder.name

    def paint(self, index: int) -> Example:
        """Paint picture `index` now, whatever is kept in memory or in the cache; the same bytes as `self[index]`."""
        index = self._position(index)
        return self._example(index, self.plumage(index))[0]

    def individual(self, index: int) -> Individual:
        """Sex, season, morph, pose, light and scenery of picture `index`."""
        index = self._position(index)
        return draw_individual(self.species[self.labels[index]], f"{self._stream}/{index}", self.difficulty)

    def plumage(self, index: int) -> Plumage:
        """What the bird of picture `index` wears."""
        bird = self.individual(index)
        return self.species[self.labels[self._position(index)]].plumage(bird.sex, bird.season, bird.morph)

    def without(self, index: int, *parts: str) -> Example:
        """The same picture with parts or marks left out: what lies behind them appears, and nothing else changes.

        Under a patch of plumage lies grey down, which belongs to no part. Without a wing there is no shadow of it
        either.

        Args:
            index: Of the picture.
            parts: Of `part_names`; "wing", "leg", "eye" or "bill" for both sides; or marks: "crest", "eyebrow",
                "eye ring", "wing bars", "tail tip", "breast pattern".

        Raises:
            SettingError: A part is unknown.
        """
        for part in parts:
            if part not in (known := (*PART_NAMES, *_SIDES, *_MARKS)):
                raise SettingError(f"{part!r} is not a part that can be removed; choose one of {', '.join(known)}")
        index = self._position(index)
        sides = frozenset(side for part in parts for side in _SIDES.get(part, (part,)))
        example, *_ = self._example(index, self.plumage(index), sides)
        return replace(example, name=f"{self.names[index]} without {' and '.join(parts)}")

    def recoloured(self, index: int, part: str | Sequence[str], colour: str) -> Example:
        """The same picture with a part or mark, or several, in another colour, and nothing else changed.

        Args:
            index: Of the picture.
            part: A part of `part_names` (wings, legs and eyes change on both sides), "wing", "leg", "eye" or "bill",
                or a mark that this bird has: "eyebrow", "eye ring", "wing bars" or "tail tip".
            colour: A colour of `COLOURS`.

        Raises:
            SettingError: The part or the colour is unknown, or the bird lacks the mark.
        """
        slots = {side: slot for slot, sides in _SIDES.items() for side in sides} | {slot: slot for slot in _SIDES}
        slots |= {mark: _MARKS[mark] for mark in ("eyebrow", "eye ring", "wing bars", "tail tip")}
        slots |= {name: name for name in PART_NAMES if name not in slots}
        if colour not in COLOURS:
            raise SettingError(f"{colour!r} is not a colour of the painted birds; choose one of {', '.join(COLOURS)}")
        index, parts = self._position(index), (part,) if isinstance(part, str) else tuple(part)
        plumage = self.plumage(index)
        for name in parts:
            if name not in slots:
                raise SettingError(f"{name!r} is not a part that can be recoloured; choose one of {', '.join(slots)}")
            if getattr(plumage, slots[name]) is None:
                raise SettingError(
                    f"{self.names[index]} has no {name} that could be recoloured; choose a bird that has one"
                )
            plumage = _with(plumage, slots[name], colour)
        example, *_ = self._example(index, plumage)
        return replace(example, name=f"{self.names[index]} with {' and '.join(parts)} {colour}")

    def _position(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} was asked for, but there are {len(self)}")
        return int(index) % len(self)

    def _example(
        self, index: int, plumage: Plumage, removed: frozenset[str] = frozenset()
    ) -> tuple[Example, tuple[Caption, ...], Painting]:
        label, individual = self.labels[index], self.individual(index)
        species = self.species[label]
        painting = paint(species, individual, plumage, self.image_size, removed)
        worn = replace(plumage, crested=False) if removed & {"crest", "crown"} else plumage
        worn = replace(worn, breast_pattern="plain") if removed & {"breast", "breast pattern"} else worn
        attributes = seen_claims(species, worn, painting)
        captions = write_captions(attributes, self._rarity, random.Random(individual.key + 1))  # noqa: S311
        example = Example(
            name=self.names[index],
            image=painting.image,
            label=label,
            captions=tuple(caption.sentence for caption in captions),
            landmarks=painting.landmarks,
            part_map=painting.part_map,
            box=painting.box,
            attributes=attributes,
        )
        return example, captions, painting

    def _paint_split(self) -> PaintedSplit:
        count, side = len(self), self.image_size
        kept = count * side * side * 4 <= _MEMORY_BYTES
        images = np.empty((count if kept else 0, side, side, 3), np.uint8)
        part_maps = np.empty((count if kept else 0, side, side), np.uint8)
        landmarks = np.empty((count if kept else 0, len(PART_NAMES), 3), np.float32)
        boxes = np.empty((count if kept else 0, 4), np.float32)
        sentences, claims, attributes = [], [], []
        for index in track(range(count), f"Painting birds, {self.split}"):
            example, captions, painting = self._example(index, self.plumage(index))
            if kept:
                images[index], part_maps[index], landmarks[index] = (
                    painting.image,
                    painting.part_map,
                    painting.landmarks,
                )
                boxes[index] = -1.0 if painting.box is None else painting.box
            sentences.append(example.captions)
            claims.append(tuple(caption.claims for caption in captions))
            attributes.append(example.attributes or frozenset())
        return PaintedSplit(
            captions=tuple(sentences),
            caption_claims=tuple(claims),
            attributes=tuple(attributes),
            images=images if kept else None,
            part_maps=part_maps if kept else None,
            landmarks=landmarks if kept else None,
            boxes=boxes if kept else None,
        )


def _with(plumage: Plumage, slot: str, colour: str) -> Plumage:
    change: dict[str, Any] = {slot: colour}
    return replace(plumage, **change)
