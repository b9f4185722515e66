"""Where the parts of the object are in the pictures of a class, as far as the data say: for metrics and for names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.data.example import Example, ExampleDataset
from whynet.metrics.part_weights import pulled_back
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.concepts.names import CONTEXT
from whynet.workflows.part_regions import Source, available_sources, part_regions, sees_parts
from whynet.workflows.seen_parts import without_side


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownParts:
    """The parts that can be located in some pictures.

    Args:
        source: What says where they are.
        places: Which of the pictures that were asked for.
        weights: P(part | pixel) in each of these, at the size that the network sees; the context last.
    """

    source: Source
    places: list[int]
    weights: Float[Tensor, "batch regions height width"]

    def shares(self, maps: Float[Tensor, "batch features rows columns"]) -> Float[Tensor, "batch features regions"]:
        """The share of each map that lies on each region; adds up to at most 1, and is 0 where a map is.

        Args:
            maps: Of the pictures at `places`.
        """
        pulled, area = pulled_back(self.weights, maps.shape[2], maps.shape[3])
        total = (maps * area).flatten(2).sum(2)  # (B, N)
        on_regions = torch.einsum("bnrc,bprc->bnp", maps, pulled)
        return on_regions / total.where(total > 0, 1)[:, :, None]

    def main_parts(
        self, maps: Float[Tensor, "batch features rows columns"], names: Sequence[str]
    ) -> list[list[str | None]]:
        """The part that each map shows: the one with the largest share, those of one name taken together.

        It is the context only where a map lies on it more than the context is large, so that a random point would hit
        the object more often; most maps are coarser than a bill. None where a map is empty.

        Args:
            maps: Of the pictures at `places`.
            names: Of the regions, a left and a right part alike, the context last.
        """
        context = self.weights[:, -1].mean((1, 2))  # (B): its share of the picture
        found = []
        for shares, usual in zip(self.shares(maps), context.tolist(), strict=True):
            found.append([_main_part(own.tolist(), names, usual) for own in shares])
        return found


def _main_part(shares: Sequence[float], names: Sequence[str], usual_context: float) -> str | None:
    *on_parts, on_context = shares
    if on_context > usual_context or (on_context > 0 and not any(on_parts)):
        return CONTEXT
    totals: dict[str, float] = {}
    for name, share in zip(names, on_parts, strict=False):
        totals[name] = totals.get(name, 0.0) + share
    best = max(totals, key=lambda name: totals[name])
    return best if totals[best] > 0 else None


def region_names(examples: ExampleDataset, whole: Mapping[str, str]) -> tuple[str, ...]:
    """What people call each region: the parts, a left and a right one alike, and the context.

    Args:
        examples: The data set.
        whole: Names of parts that people call otherwise, such as "beak": "bill".
    """
    plain = map(without_side, examples.part_names)
    return (*(whole.get(name, name) for name in plain), CONTEXT)


def shown_parts(
    subject: Subject, examples: ExampleDataset, rows: Sequence[int], *, source: Source | None = None
) -> ShownParts | None:
    """Where the parts are in some pictures; None where no picture says so, or nothing can be followed to the network.

    Of boxes all must be there: one that is absent does not mean that the part cannot be seen. A picture of which the
    network sees no part, since all are cut off, is left out.

    Args:
        subject: Its preprocessing says what of a picture the network sees.
        examples: The data set.
        rows: Which pictures.
        source: What shall say where the parts are; None takes the surest that the first picture with any has.
    """
    if not isinstance(subject.preprocess, Preprocessing) or not examples.part_names:
        return None
    size = subject.preprocess.height, subject.preprocess.width
    places, weights = [], []
    for place, row in enumerate(rows):
        example = examples[row]
        if source is None:
            source = next(iter(available_sources(example)), None)
        if source is None or not _is_complete(example, source):
            continue
        if sees_parts(subject.preprocess, example, *size, source):
            places.append(place)
            weights.append(part_regions(subject.preprocess, example, len(examples.part_names), *size, source))
    if source is None or not places:
        return None
    return ShownParts(source=source, places=places, weights=torch.stack(weights))


def _is_complete(example: Example, source: Source) -> bool:
    if source not in available_sources(example):
        return False
    boxes = example.part_boxes if source == "boxes" else None
    return boxes is None or not bool((boxes != boxes).any())
