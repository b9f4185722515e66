"""`whynet explain`: pictures in, "This is an image of a Tree Sparrow because this bird has ..." out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whynet.base.errors import DataError, RunError, SettingError
from whynet.base.explanation import Explanation, Explanations, Word
from whynet.base.image import read_image
from whynet.base.tokens import PADDING
from whynet.base.types import Picture, Reading
from whynet.data.example import Example
from whynet.data.vocabulary import Vocabulary
from whynet.models.interpnet import InterpNET
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_network import load_network
from whynet.models.saved_subject import load_subject
from whynet.training.hardware import Hardware
from whynet.workflows.reading import introspection_of
from whynet.workflows.run import CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import TrainSettings

BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A written sentence and its words with their probabilities."""

    text: str
    words: tuple[Word, ...]


class Explainer:
    """The subject and the explainer of a run, ready for pictures.

    Args:
        run: A run, or its folder.
        device: Where to compute: "cpu", "cuda", ..., or "auto".
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Raises:
        RunError: The run is absent, damaged, or its classifier is not trained yet.
        SubjectError: The run explains a network whose code was not allowed.
    """

    def __init__(self, run: Run | str | Path, *, device: str = "auto", allow: str | None = None) -> None:
        self.run = run if isinstance(run, Run) else Run.open(run)
        if not self.run.is_complete(CLASSIFIER):
            raise RunError(f"{self.run.folder} has no trained classifier yet; go on with `whynet train --resume`")
        self.settings = TrainSettings.from_json(self.run.settings)
        self.device = Hardware(device=device).torch_device()
        self.subject = load_subject(self.run.folder / CLASSIFIER, function=allow).to(self.device)
        self.introspection = introspection_of(self.settings.model, self.subject)
        self.writes = self.run.is_complete(EXPLAINER)
        if self.writes:
            self.interpnet = load_network(InterpNET, self.run.folder / EXPLAINER).to(self.device)
            self.vocabulary = Vocabulary.from_json(self.run.read(f"{EXPLAINER}/vocabulary.json"))
            if len(self.vocabulary) != self.interpnet.vocabulary_size:
                raise RunError(
                    f"the words and the explainer in {self.run.folder} do not belong together; train it again"
                )

    def explain(self, pictures: Sequence[Picture], names: Sequence[str], *, beam: int = 1) -> Explanations:
        """One explanation a picture.

        Args:
            pictures: RGB, 0 to 255, any sizes.
            names: What to call each.
            beam: Sentences kept side by side while one is written; 1 is greedy.

        Raises:
            SettingError: The counts differ, or the beam is out of range.
        """
        if len(pictures) != len(names):
            raise SettingError(f"one name for each of {len(pictures)} pictures was expected, not {len(names)}")
        explanations = Explanations()
        for start in range(0, len(pictures), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            readings, logits = self.introspection.read(self.subject.preprocess(pictures[batch]))
            sentences = self.sentences(readings, beam=beam)
            explanations += [
                _explanation(self.subject.class_names, row, sentence, name, picture)
                for row, sentence, name, picture in zip(logits, sentences, names[batch], pictures[batch], strict=True)
            ]
        return explanations

    def sentences(self, readings: Reading, *, beam: int = 1) -> list[Sentence | None]:
        """A sentence for each r(x); None where the run has no explainer."""
        if not self.writes:
            return [None] * len(readings)
        written = self.interpnet.write(readings.to(self.device), beam=beam)
        return [
            self._sentence(ids, p) for ids, p in zip(written.ids.tolist(), written.probabilities.tolist(), strict=True)
        ]

    def _sentence(self, ids: list[int], probabilities: list[float]) -> Sentence:
        words = tuple(
            Word(text=self.vocabulary.words[index], probability=probability)
            for index, probability in zip(ids, probabilities, strict=True)
            if index != PADDING
        )
        return Sentence(text=self.vocabulary.decode(ids), words=words)


def explain(
    run: Run | str | Path, images: Any, *, beam: int = 1, device: str = "auto", allow: str | None = None
) -> Explanations:
    """Explain pictures with a trained run.

    Args:
        run: A run, or its folder.
        images: A path, a picture (RGB, 0 to 255, as an array (height, width, 3) or a PIL image), an `Example`, or
            several of these.
        beam: Sentences kept side by side while one is written; 1 is greedy.
        device: Where to compute: "cpu", "cuda", ..., or "auto".
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Returns:
        One explanation a picture, in order; a list that a notebook shows well.

    Raises:
        ImageError: A picture cannot be used.
        RunError: The run is absent or damaged.
    """
    several = images if isinstance(images, Iterable) and not isinstance(images, (str, np.ndarray)) else [images]
    if hasattr(images, "convert"):
        several = [images]
    opened = [_opened(image, f"image {index}") for index, image in enumerate(several)]
    if not opened:
        raise DataError("at least one picture to explain was expected, none came")
    explainer = Explainer(run, device=device, allow=allow)
    return explainer.explain([picture for _, picture in opened], [name for name, _ in opened], beam=beam)


def _opened(image: Any, name: str) -> tuple[str, Picture]:
    if isinstance(image, Example):
        return image.name, image.image
    if isinstance(image, (str, Path)):
        return str(image), read_image(Path(image))
    if hasattr(image, "convert"):  # a PIL image
        return name, np.asarray(image.convert("RGB"))
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.size
    ):
        return name, image
    kind = f"{image.dtype} array of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise DataError(f"a path, a PIL image, an Example or a uint8 array (height, width, 3) was expected, not a {kind}")


def _explanation(
    class_names: Sequence[str], logits: torch.Tensor, sentence: Sentence | None, name: str, picture: Picture
) -> Explanation:
    probabilities = logits.float().softmax(0)
    index = int(probabilities.argmax())
    side = max(picture.shape[:2])
    scale = min(1.0, 160 / side)
    small = Preprocessing(
        height=max(1, round(picture.shape[0] * scale)), width=max(1, round(picture.shape[1] * scale))
    ).resize(picture)
    return Explanation(
        image_name=name,
        class_index=index,
        class_name=class_names[index],
        probability=float(probabilities[index]),
        sentence=sentence.text if sentence else None,
        words=sentence.words if sentence else (),
        thumbnail=small,
    )
