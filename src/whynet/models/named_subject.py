"""Subjects by name: a network of timm, torchvision or transformers with its preprocessing, class names and weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from whynet.base.errors import SubjectError, WhynetError
from whynet.models.named_network import (
    Architecture,
    build_network,
    check_known,
    first_line,
    library,
    named_architecture,
)
from whynet.models.named_preprocessing import named_preprocessing
from whynet.models.named_weights import network_from_file, published_network
from whynet.models.subject import Subject


def untrained_subject(name: str, *, class_names: Sequence[str], image_size: int | None) -> Subject:
    """A named network to be trained here, with its own preprocessing; its weights come from torch's global generator.

    Args:
        name: "timm:NAME", "torchvision:NAME", "hf:REPOSITORY" or "hf:FOLDER".
        class_names: One name an output.
        image_size: Side of the input in pixels; None is the network's usual one.

    Raises:
        MissingDependencyError: The library is not installed.
        SubjectError: There is no such network, it cannot have that size, or it does not return logits.
    """
    architecture = named_architecture(name, image_size)
    network = build_network(architecture, len(class_names))
    return _subject(network, architecture, class_names)


def named_subject(
    name: str, *, class_names: Sequence[str] | None = None, weights: Path | None = None, image_size: int | None = None
) -> Subject:
    """A named network as it is, to be explained.

    Args:
        name: "timm:NAME", "torchvision:NAME", "hf:REPOSITORY" or "hf:FOLDER".
        class_names: One name an output; None takes the names that were published with the weights.
        weights: A safetensors file; None takes the published weights, which are fetched unless they are in the cache.
        image_size: Side of the input in pixels; None is the network's usual one.

    Raises:
        MissingDependencyError: The library is not installed.
        RunError: The weights are absent, damaged, or not safetensors.
        SubjectError: There is no such network, its weights cannot be fetched or do not fit, or the class names do not.
    """
    architecture = named_architecture(name, image_size)
    own_names = None if weights is not None and class_names is not None else published_class_names(architecture)
    names = tuple(own_names or ()) if class_names is None else tuple(class_names)
    if own_names is not None and len(names) != len(own_names):
        raise SubjectError(
            f"{name} has {len(own_names)} outputs, but there are {len(names)} class names; name them all"
        )
    if weights is None:
        network = published_network(architecture, len(names))
    else:
        network = network_from_file(architecture, len(names), weights)
    return _subject(network.eval(), architecture, names)


def published_class_names(architecture: Architecture) -> tuple[str, ...]:
    """The class names of a network's published weights; the second of two equal names ends in " (2)".

    Args:
        architecture: Of which network.

    Raises:
        SubjectError: It was published without a classifier, or its classes without names.
    """
    name = architecture.name
    package = library(name)
    prefix, _, rest = name.partition(":")
    if prefix == "hf":
        labels = (architecture.config or {}).get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
        if not all(str(key).isdecimal() for key in labels):
            raise SubjectError(
                f"id2label in the config.json of {name} must be keyed by numbers, not {list(labels)[:3]}"
            )
        return _unique([str(labels[key]) for key in sorted(labels, key=int)])
    check_known(name)
    if prefix == "torchvision":
        return _unique(package.models.get_model_weights(rest).DEFAULT.meta["categories"])
    config = package.get_pretrained_cfg(rest)
    subset = None if config is None else package.data.infer_imagenet_subset(config.to_dict())
    if subset is None:
        count = 0 if config is None else config.num_classes or 0
        raise SubjectError(
            f"{name} was published with {count} classes, and timm has no names for them; choose another network, or "
            "give weights and class names"
        )
    info = package.data.ImageNetInfo(subset)
    return _unique([info.index_to_description(index).split(",")[0] for index in range(config.num_classes)])


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    unique = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return tuple(unique)


def _subject(network: nn.Module, architecture: Architecture, class_names: Sequence[str]) -> Subject:
    """The subject, once one blank picture has gone through it."""
    name = architecture.name
    preprocess = named_preprocessing(name, architecture.image_size)
    subject = Subject(network, class_names=class_names, preprocess=preprocess, name=name, architecture=architecture)
    try:
        subject.logits(torch.zeros(1, 3, preprocess.height, preprocess.width))
    except WhynetError:
        raise
    except Exception as error:
        raise SubjectError(
            f"{name} cannot take images of {preprocess.width} x {preprocess.height} pixels ({first_line(error)}); "
            "choose another image size"
        ) from error
    return subject
