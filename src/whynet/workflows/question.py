"""What `whynet attribute` is asked, and its answer for a batch: one map a picture, with its class."""

import warnings
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.last_convolution import NEEDS_MAPS, last_convolutional_layer
from whynet.attribution.methods import heat_map, method_named
from whynet.base.errors import SettingError, SubjectError
from whynet.base.types import Images
from whynet.models.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which map is wanted.

    Args:
        method: Of `attribution.methods`.
        target: A class by its name or number; None: the class that each picture is taken for.
        layer: Where the map is read; None: at the input, or at the last convolutional layer for methods that need one.
        source: The layer whose unit is explained instead of a class.
        unit: Of the source: a channel ("7") or a channel, a row and a column ("7,3,4").

    Raises:
        SettingError: The method is unknown, both a class and a unit are asked for, or a source or a unit is missing.
    """

    method: str
    target: str | None = None
    layer: str | None = None
    source: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        method_named(self.method)
        if self.target is not None and (self.source is not None or self.unit is not None):
            raise SettingError("either --target, a class, or --source and --unit can be explained, not both; leave one")
        if (self.source is None) != (self.unit is None):
            given, missing = ("--source", "--unit") if self.unit is None else ("--unit", "--source")
            raise SettingError(f"{given} needs {missing}: a unit is one channel of a layer; give both")
        if self.unit is not None:
            self.units()

    def units(self) -> list[int | tuple[int, ...]] | None:
        """The unit as the methods take it."""
        if self.unit is None:
            return None
        parts = [part.strip() for part in self.unit.split(",")]
        if len(parts) not in (1, 3) or not all(part.isdecimal() for part in parts):
            raise SettingError(f"--unit is a channel, as 7, or channel, row and column, as 7,3,4, not {self.unit!r}")
        numbers = tuple(int(part) for part in parts)
        return [numbers[0] if len(numbers) == 1 else numbers]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What was found for a batch.

    Args:
        maps: At the resolution of the layer; signed where the method is.
        predicted: The class that each picture is taken for.
        classes: The class that is explained; None where a unit is.
        probabilities: Of every class.
        layer: Where the maps were read; None: at the input.
        notes: What the method warned of.
    """

    maps: Float[Tensor, "batch rows columns"]
    predicted: list[int]
    classes: list[int] | None
    probabilities: Float[Tensor, "batch classes"]
    layer: str | None
    notes: tuple[str, ...] = field(default=())


def answer(subject: Subject, question: Question, images: Images) -> Answers:
    """The maps of a batch.

    Raises:
        MissingDependencyError: The method is Captum's, which is not installed.
        SettingError: The method, the class or the unit does not fit the network.
        SubjectError: A layer does not exist or holds no maps, or the network cannot be explained by this method.
    """
    images = images.to(subject.device)
    probabilities = subject.logits(images).float().softmax(1).cpu()
    predicted = probabilities.argmax(1).tolist()
    layer, units = question.layer, question.units()
    classes = None
    if units is None:
        named = None if question.target is None else subject.class_number(question.target)
        classes = predicted if named is None else [named] * len(predicted)
    if layer is None and question.method in NEEDS_MAPS:
        layer = last_convolutional_layer(subject, images, source=question.source)
    target = None if classes is None else torch.tensor(classes, device=images.device)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        maps = heat_map(
            question.method, subject, images, target, layer=layer, source=question.source, units=units, signed=True
        )
    maps = maps.detach().float().cpu()
    maps = maps if units is None else maps[:, 0]
    if maps.ndim != 3:
        raise SubjectError(
            f"layer {layer!r} gives {tuple(maps.shape[1:])} and not rows and columns, so it has no place in the "
            "picture; name a layer of maps"
        )
    notes = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    return Answers(
        maps=maps, predicted=predicted, classes=classes, probabilities=probabilities, layer=layer, notes=notes
    )


def describe(subject: Subject, question: Question, answers: Answers, row: int) -> str:
    """What is explained in one picture: "Painted Finch 1 (97 %)" or "unit 7 of blocks.1.2"."""
    if answers.classes is None:
        return f"unit {question.unit} of {question.source}"
    number = answers.classes[row]
    return f"{subject.class_names[number]} ({float(answers.probabilities[row, number]):.0%})"
