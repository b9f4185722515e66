"""What `whynet check` is asked for: network, pictures, methods. A mistake is told before any map is made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whynet.attribution.methods import METHODS, method_named
from whynet.base.errors import SettingError
from whynet.data.example import ExampleDataset
from whynet.models.saved_subject import load_subject
from whynet.models.subject import Subject
from whynet.training.hardware import Hardware
from whynet.workflows.catalogue import open_data
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import TrainSettings, settings_with
from whynet.workflows.subjects import open_subject_for_data


def methods_named(texts: Sequence[str]) -> list[str]:
    """The methods that texts name, some with commas, or all of ours; raises `SettingError` on an unknown one."""
    names = list(dict.fromkeys(name for text in texts for name in names_in(text))) or list(METHODS)
    for name in names:
        method_named(name)
    return names


def names_in(text: str | None) -> list[str]:
    """The parts of a comma-separated text."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def open_checked(
    run: str | Path | None,
    subject: str | None,
    data: Mapping[str, Any],
    *,
    weights: str | None = None,
    allow: str | None = None,
    layers: Sequence[str] = (),
    device: str = "auto",
    skip_bad: bool = False,
) -> tuple[Subject, ExampleDataset, str]:
    """The network to check, the test pictures of its data, and what results files call the data.

    Args:
        run: A run folder, whose classifier and data are taken; None where a subject is named.
        subject: A run, a saved subject, "timm:NAME" and the like, or "package.module:function". With a run: the
            function that may run, where the run explains the user's own network.
        data: Settings of the data by field, where no run is given.
        weights: A safetensors file for a subject that is built by name or by a function.
        allow: "package.module:function" that may run, where a subject's folder holds the user's own network.
        layers: That will be asked for; told to be absent before the pictures of a run are opened.
        device: Where to compute.
        skip_bad: Leave out pictures that cannot be used, and name them in the log.

    Raises:
        SettingError: Neither a run nor a subject is given, or a run beside data or weights.
        RunError, SubjectError, DataError: The run, the network or the data cannot be used.
    """
    if run is None and subject is None:
        raise SettingError("a network to check was expected; name a run, or give --subject with --data")
    if run is not None and (data or weights is not None):
        own = ", ".join([*data, *(["weights"] if weights is not None else [])])
        raise SettingError(f"a run has its own network and data; leave out {own}, or name the run by --subject instead")
    torch_device = Hardware(device=device).torch_device()
    if run is not None:
        opened = Run.open(run)
        opened.check_classifier()
        settings = TrainSettings.from_json(opened.settings).data
        network = load_subject(opened.folder / CLASSIFIER, function=subject)
        for layer in layers:
            network.layer(layer)
        return network.to(torch_device), open_data(settings, skip_bad=skip_bad).test, settings.title
    settings = settings_with({"data": dict(data)}).data
    test = open_data(settings, skip_bad=skip_bad).test
    file = None if weights is None else Path(weights)
    network = open_subject_for_data(str(subject), test.class_names, settings, weights=file, allow=allow)
    return network.to(torch_device), test, settings.title


def check_request(
    subject: Subject,
    methods: Sequence[str],
    layer: str | None,
    conservation_layers: Sequence[str],
    target: str | None,
    num_images: int,
    num_steps: int,
) -> None:
    """Raise what `check` raises of its arguments, before any picture is opened."""
    if not methods:
        raise SettingError("at least one method was expected, none came; name one or more, separated by commas")
    for name in methods:
        method_named(name)
    for own in (layer, *conservation_layers):
        if own is not None:
            subject.layer(own)
    if target is not None:
        subject.class_number(target)
    if num_images < 1 or num_steps < 1:
        raise SettingError(f"at least 1 picture and 1 step were expected, not {num_images} and {num_steps}")
