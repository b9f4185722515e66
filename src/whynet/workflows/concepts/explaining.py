"""Concepts as reasons of an explanation: the x-features of the predicted class, the weightiest first."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.x_features import ReadOut, x_feature_maps
from whynet.base.errors import RunError
from whynet.base.files import read_json
from whynet.base.reason import Reason
from whynet.base.types import Images, Logits
from whynet.models.subject import Subject, evaluating
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.workflows.concepts.saved import DESCRIPTION, ClassConcepts, load_concepts, saved_classes
from whynet.workflows.run import Run

TOLD_FIGURES = ("f_cls", "f_reg", "locality", "stability", "stability_floor")
"""Figures of a class's concepts that an explanation carries."""


class Reasons(NamedTuple):
    """The reasons of one picture and how far to trust them; both empty where its class has no concepts."""

    reasons: tuple[Reason, ...] = ()
    faithfulness: dict[str, float] = {}  # noqa: RUF012 - never changed


class ConceptReader:
    """The concepts of a run, read when they are first needed.

    Args:
        run: With or without concepts.
        subject: Its network.

    Raises:
        RunError: A class's folder is damaged.
        StorageError: A description is not JSON.
    """

    def __init__(self, run: Run, subject: Subject) -> None:
        self.subject = subject
        self._folders: dict[int, Path] = {}
        for folder in saved_classes(run):
            description = read_json(folder / DESCRIPTION, "the concepts of a class")
            index = description.get("class_index") if isinstance(description, dict) else None
            if not isinstance(index, int):
                raise RunError(f"{folder / DESCRIPTION} names no class; make the concepts again with `whynet concepts`")
            self._folders[index] = folder
        self._fingerprint = weights_fingerprint(subject.network) if self._folders else ""
        self._read: dict[int, ClassConcepts] = {}

    @property
    def classes(self) -> list[int]:
        """The classes that have concepts."""
        return sorted(self._folders)

    def of_class(self, index: int) -> ClassConcepts:
        """The concepts of one of `classes`."""
        if index not in self._read:
            own = load_concepts(self._folders[index], self.subject, fingerprint=self._fingerprint)
            own.module.to(self.subject.device)
            self._read[index] = own
        return self._read[index]

    def reasons(self, images: Images, logits: Logits) -> list[Reasons]:
        """The reasons for each picture's predicted class.

        Args:
            images: Preprocessed.
            logits: Of each.
        """
        found = [Reasons()] * len(images)
        predicted = logits.argmax(1).tolist()
        for index in sorted(set(predicted) & set(self._folders)):
            rows = [row for row, own in enumerate(predicted) if own == index]
            for row, reasons in zip(rows, self._of(self.of_class(index), images[rows], logits[rows]), strict=True):
                found[row] = reasons
        return found

    def contributions(self, index: int, images: Images) -> Float[Tensor, "batch features"]:
        """What each x-feature of one of `classes` adds to its logit, whatever the network makes of the images."""
        return self._read_out(self.of_class(index), images.to(self.subject.device))[0]

    def maps(self, index: int, images: Images) -> Float[Tensor, "batch features rows columns"]:
        """The c-MWP of each x-feature of one of `classes`, whatever the network makes of the images; on the CPU."""
        own = self.of_class(index)
        return x_feature_maps(
            self.subject, images.to(self.subject.device), layer=own.layer, map_layer=own.map_layer,
            encoder=own.module.encoder, units=range(own.module.num_features),
        ).cpu()  # fmt: skip

    def _read_out(self, own: ClassConcepts, images: Images) -> tuple[Tensor, Tensor]:
        with evaluating(self.subject.network), torch.no_grad():
            activations = ReadOut(self.subject, own.layer, None)(images)
            return own.module.contributions(activations).cpu(), own.module(activations).cpu()

    def _of(self, own: ClassConcepts, images: Images, logits: Tensor) -> Sequence[Reasons]:
        images = images.to(self.subject.device)
        maps = self.maps(own.class_index, images)
        added, predicted = self._read_out(own, images)
        figures = {f"concepts_{key}": own.figures[key] for key in TOLD_FIGURES if key in own.figures}
        found = []
        for row in range(len(images)):
            reasons = [
                Reason(
                    name=concept.title, weight=float(added[row, concept.number]),
                    heat_map=maps[row, concept.number].numpy(), is_named=concept.is_named,
                    number=concept.number + 1,
                )
                for concept in own.concepts
            ]  # fmt: skip
            told = {"logit": float(logits[row, own.class_index]), "logit_by_concepts": float(predicted[row])}
            found.append(Reasons(tuple(sorted(reasons, key=lambda reason: -reason.weight)), told | figures))
        return found
