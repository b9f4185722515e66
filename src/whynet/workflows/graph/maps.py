"""The maps of some layers in all pictures of a class, and the graph that is fitted to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from whynet.base.errors import DataError, SettingError, SubjectError
from whynet.base.types import Images
from whynet.data.example import ExampleDataset
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.structures.explanatory_graph.fitting import fit_layers
from whynet.structures.explanatory_graph.graph import ExplanatoryGraph
from whynet.structures.explanatory_graph.inference import LayerMaps
from whynet.structures.explanatory_graph.layer_maps import check_order, layer_maps
from whynet.structures.graph_settings import GraphSettings
from whynet.workflows.reading import BATCH_SIZE


def graph_layers(subject: Subject, text: str | None) -> tuple[str, ...]:
    """The layers that were named, or the upper ones of our own networks.

    Args:
        subject: The network.
        text: Dotted names with commas between them, bottom to top.

    Raises:
        SubjectError: The network is none of ours, and no layer is named.
        SettingError: The text names none.
    """
    if text is None:
        own = getattr(subject.network, "upper_layers", None)
        if own is None:
            raise SubjectError(
                f"--layers is needed for {subject.name}: its upper convolutions' ReLUs, or blocks that end in one, "
                f"bottom to top; its layers are {', '.join(subject.layer_names[-12:])}"
            )
        return tuple(own)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise SettingError("layers by their dotted names, bottom to top, were expected, and none is named")
    return names


def preprocessing_of(subject: Subject) -> Preprocessing:
    """What the network sees of a picture; raises `SettingError` where that cannot be told."""
    if not isinstance(subject.preprocess, Preprocessing):
        raise SettingError(
            "nodes can be shown in pictures through a whynet Preprocessing alone, which says what of a picture it "
            "shows; give the subject one"
        )
    return subject.preprocess


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassMaps:
    """The maps of a class's pictures.

    Args:
        maps: One tensor a layer, bottom to top, on the CPU.
        image_size: Rows and columns of what the network sees.
    """

    maps: list[LayerMaps]
    image_size: tuple[int, int]


def pictures_of(examples: ExampleDataset, class_index: int) -> ExampleDataset:
    """Those of one class."""
    return examples.subset([row for row, label in enumerate(examples.labels) if label == class_index])


def record(subject: Subject, layers: Sequence[str], examples: ExampleDataset) -> ClassMaps:
    """Pass pictures through the network once, on its device; the maps are kept on the CPU, where graphs are fitted.

    Raises:
        SubjectError: A layer does not exist, has no maps, does not run in this order, or does not lead to the next.
    """
    preprocess = preprocessing_of(subject)
    kept: list[list[Tensor]] = [[] for _ in layers]
    for number, (batch, maps) in enumerate(layer_maps(subject, layers, _batches(subject, examples), BATCH_SIZE)):
        if not number:
            check_order(subject, layers, batch[:1])
        for own, new in zip(kept, maps, strict=True):
            own.append(new.cpu())
    return ClassMaps(maps=[torch.cat(own) for own in kept], image_size=(preprocess.height, preprocess.width))


def fit(
    name: str, layers: Sequence[str], recorded: ClassMaps, network: str, settings: GraphSettings
) -> ExplanatoryGraph:
    """The graph of a class.

    Args:
        name: Of the class.
        layers: Bottom to top.
        recorded: Maps of its training pictures.
        network: `weights_fingerprint` of the network.
        settings: Of the fit.

    Raises:
        SubjectError: A layer never fires.
        SettingError: There is not one number of nodes a layer.
    """
    return ExplanatoryGraph(
        layers=fit_layers(layers, recorded.maps, recorded.image_size, settings), image_size=recorded.image_size,
        network=network, settings=settings,
    )  # fmt: skip


def check_pictures(name: str, train: ExampleDataset) -> None:
    """Refuse a class with too few pictures; raises `DataError`."""
    if len(train) < 2:
        raise DataError(
            f"a graph needs at least 2 training pictures to see what moves together, but {name} has {len(train)}; "
            "add some, or name other --classes"
        )


def _batches(subject: Subject, examples: ExampleDataset) -> Iterator[Images]:
    for start in range(0, len(examples), BATCH_SIZE):
        rows = range(start, min(start + BATCH_SIZE, len(examples)))
        yield subject.preprocess([examples[row].image for row in rows])
