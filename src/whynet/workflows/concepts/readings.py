"""What explanation modules learn from: one layer Z and the logits of every picture, and where the maps are read."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whynet.attribution.map_layer import map_layer_before
from whynet.attribution.passage import output_of
from whynet.base.errors import SubjectError
from whynet.base.types import Images, Labels, Logits, Reading
from whynet.data.example import ExampleDataset
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject
from whynet.training.srae import Wanted
from whynet.training.srae_settings import ModuleSettings
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.reading import BATCH_SIZE, read_all

_log = logging.getLogger("whynet")


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """Z and the logits of the pictures of one part of a data set.

    Args:
        examples: The pictures.
        activations: Z of each.
        logits: Of each.
    """

    examples: ExampleDataset
    activations: Reading
    logits: Logits

    @cached_property
    def labels(self) -> Labels:
        """The true class of each."""
        return torch.tensor(list(self.examples.labels))

    def is_of(self, class_index: int) -> Bool[Tensor, " batch"]:
        """Whether each picture shows a class."""
        return self.labels == class_index

    def rows_of(self, class_index: int) -> list[int]:
        """The places of the pictures of a class."""
        return [int(row) for row in self.is_of(class_index).nonzero()[:, 0]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedLayer:
    """A layer of a subject that is explained by x-features.

    Args:
        subject: The network.
        layer: Z, by its dotted name.
        map_layer: At whose output heat maps lie.
    """

    subject: Subject
    layer: str
    map_layer: str

    @classmethod
    def of(cls, subject: Subject, layer: str, examples: ExampleDataset, *, map_layer: str | None) -> "ExplainedLayer":
        """A layer that can be explained, and the layer of its maps: the given one, else `map_layer_before`.

        Raises:
            SubjectError: There is no such layer, none of maps before it, or the given one has no maps.
        """
        subject.layer(layer)
        first = subject.preprocess([examples[0].image]).to(subject.device)
        found = map_layer_before(subject, first, layer) if map_layer is None else map_layer
        maps = output_of(subject.network, first, found)
        if maps.ndim != 4:
            raise SubjectError(
                f"layer {found!r} has no maps (channels, rows, columns), at which heat maps could lie, but a tensor of "
                f"shape {tuple(maps.shape[1:])}; name another with --map-layer"
            )
        return cls(subject=subject, layer=layer, map_layer=found)

    def read(self, examples: ExampleDataset, cache: FeatureCache | None = None) -> Readings:
        """Z and the logits of pictures.

        Raises:
            SubjectError: The layer did not run just once, is dead, or holds NaN.
        """
        introspection = Introspection(self.subject, (self.layer,), probabilities=False)
        sizes = introspection.record(self.preprocessed(examples, [0])).activations
        if set(sizes) != {self.layer}:
            raise SubjectError(
                f"layer {self.layer!r} runs {len(sizes)} times in a forward pass; name one that runs once"
            )
        activations, logits = read_all(introspection, examples, cache=cache)
        if not activations.any():
            raise SubjectError(
                f"layer {self.layer!r} is 0 in all {len(examples)} pictures, so nothing can be explained by it; name "
                "another"
            )
        return Readings(examples=examples, activations=activations, logits=logits)

    def preprocessed(self, examples: ExampleDataset, rows: list[int]) -> Images:
        """Pictures as the network sees them, on its device."""
        return self.subject.preprocess([examples[row].image for row in rows]).to(self.subject.device)

    def batches(self, examples: ExampleDataset, rows: list[int]) -> Iterator[Images]:
        """The same, so many at a time as a forward pass takes."""
        for start in range(0, len(rows), BATCH_SIZE):
            yield self.preprocessed(examples, rows[start : start + BATCH_SIZE])

    def wanted(
        self,
        readings: Readings,
        class_index: int,
        settings: ModuleSettings,
        *,
        seed: int,
        held_out: Bool[Tensor, " batch"] | None = None,
    ) -> Wanted:
        """The module of a class that shall be trained on these readings."""
        return Wanted(
            name=self.subject.class_names[class_index], logits=readings.logits[:, class_index],
            is_positive=readings.is_of(class_index), settings=settings, seed=seed, held_out=held_out,
        )  # fmt: skip


def tell_of_negatives(layer: str, activations: Float[Tensor, "batch entries"]) -> None:
    """A line in the log where Z is signed, because the paper's rule needs entries of at least 0."""
    share = float((activations < 0).float().mean())
    if share:
        _log.warning(
            "%.2g %% of the entries of layer %s are negative; heat maps then share a probability in proportion to "
            "positive contributions, which is the paper's rule only where nothing is negative (name a ReLU's output "
            "for that)",
            100 * share,
            layer,
        )
