"""r(x) of a whole data set: one forward pass over each picture."""

from collections.abc import Callable

import torch

from whynet.base.progress import track
from whynet.base.types import Images, Logits, Reading
from whynet.data.example import ExampleDataset
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject
from whynet.models.variants import VARIANTS
from whynet.workflows.settings import ModelSettings


def introspection_of(settings: ModelSettings, subject: Subject) -> Introspection:
    """What an explainer of these settings reads of its subject; raises `SubjectError` if a layer does not exist."""
    variant = VARIANTS[settings.variant]
    layers = variant.layers
    if settings.layers is not None:
        layers = tuple(layer.strip() for layer in settings.layers.split(",") if layer.strip())
    return Introspection(subject, layers, probabilities=variant.probabilities)


def read_all(
    introspection: Introspection,
    examples: ExampleDataset,
    *,
    change: Callable[[Images], Images] = lambda images: images,
    batch_size: int = 64,
) -> tuple[Reading, Logits]:
    """r(x) and the logits of each example, in order, on the CPU.

    Args:
        introspection: What to read.
        examples: Of which pictures.
        change: What is done to the preprocessed images first.
        batch_size: Pictures a forward pass.

    Raises:
        SubjectError: The network returned NaN, or not one logit for each class.
        DataError: A picture cannot be opened.
    """
    readings, logits = [], []
    batches = [range(start, min(start + batch_size, len(examples))) for start in range(0, len(examples), batch_size)]
    for batch in track(batches, "Reading activations"):
        images = introspection.subject.preprocess([examples[index].image for index in batch])
        reading, output = introspection.read(change(images))
        readings.append(reading.cpu())
        logits.append(output.float().cpu())
    return torch.cat(readings), torch.cat(logits)  # (N, R), (N, C)
