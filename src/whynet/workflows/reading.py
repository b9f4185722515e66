"""r(x) of a whole data set: one forward pass over each picture, kept on disk for the next who asks."""

from collections.abc import Callable

import torch

from whynet.base.progress import track
from whynet.base.types import Images, Logits, Reading
from whynet.data.example import ExampleDataset
from whynet.models.introspection import Introspection
from whynet.models.subject import Subject
from whynet.models.variants import VARIANTS
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.settings import ModelSettings

BATCH_SIZE = 64
"""Pictures a forward pass."""


def introspection_of(settings: ModelSettings, subject: Subject) -> Introspection:
    """What an explainer of these settings reads of its subject; raises `SubjectError` if a layer does not exist."""
    variant = VARIANTS[settings.variant]
    layers = variant.layers
    if settings.is_built_in and not settings.is_convnet:
        layers = (str(subject.network.top_layer),)
    if settings.layers is not None:
        layers = tuple(layer.strip() for layer in settings.layers.split(",") if layer.strip())
    return Introspection(subject, layers, probabilities=variant.probabilities)


def read_all(
    introspection: Introspection,
    examples: ExampleDataset,
    *,
    change: Callable[[Images], Images] = lambda images: images,
    change_name: str = "",
    cache: FeatureCache | None = None,
) -> tuple[Reading, Logits]:
    """r(x) and the logits of each example, in order, on the CPU.

    Args:
        introspection: What to read.
        examples: Of which pictures.
        change: What is done to the preprocessed images first.
        change_name: Says all that `change` does, its random stream included; two changes of one name are the same.
        cache: Where readings are kept; None keeps nothing.

    Raises:
        SubjectError: The network returned NaN, or not one logit for each class.
        DataError: A picture cannot be opened.
    """
    key = None if cache is None else cache.key(introspection, examples, change_name)
    if cache is not None and key is not None and (found := cache.load(key)) is not None:
        return found
    readings, logits = [], []
    batches = [range(start, min(start + BATCH_SIZE, len(examples))) for start in range(0, len(examples), BATCH_SIZE)]
    for batch in track(batches, "Reading activations"):
        images = introspection.subject.preprocess([examples[index].image for index in batch])
        reading, output = introspection.read(change(images))
        readings.append(reading.cpu())
        logits.append(output.float().cpu())
    result = torch.cat(readings), torch.cat(logits)  # (N, R), (N, C)
    if cache is not None and key is not None:
        cache.store(key, *result)
    return result
