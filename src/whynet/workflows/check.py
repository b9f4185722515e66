"""`whynet check`: can heat maps be trusted? Methods side by side on the same pictures, each figure beside its floor.

`check` gives, as plain data:

    subject, layer, target, num_images, num_steps, seed    what was asked for; a target of None is the predicted class
    pictures                      the names of the pictures, in order
    methods.NAME.randomisation.{top_layer,all_layers}      metrics.sanity: `layer`, `rank_correlation`, `ssim`, and of
                                  how many pictures one of both maps is `blank`, which are left out
    methods.NAME.shift            metrics.sanity: `relative_change` and its `worst`, `rank_correlation`
    methods.NAME.conservation     metrics.sanity, one record a layer; plain excitation backprop only, for which each
                                  operation on the way is looked at, too: a leak is told by its name
    methods.NAME.pointing.{box,part}      metrics.pointing_game: `accuracy`, on the object's box and on any of its parts
    methods.NAME.{deletion,insertion}     metrics.deletion_insertion: `area`, and that of a `random` map
    methods.NAME.layer            where its maps were read: where no layer was asked for, the last convolutional one for
                                  methods that need maps, and the input for the others
    methods.NAME.blank            pictures whose map is 0 everywhere
    methods.NAME.notes            what the method warned of
    methods.NAME.missing.FIGURE   why a figure is absent; "maps": the method cannot explain this network here
    floors.pointing.{box,part}    `chance`, `centre`, and the number `n` of pictures that show the region
    floors.{deletion,insertion}   `centre`: the area of a map that goes from the centre outwards

Figures are means over the pictures. A region is what the network sees of it after preprocessing.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.last_convolution import NEEDS_MAPS, last_convolutional_layer
from whynet.attribution.methods import heat_map
from whynet.base.errors import SettingError, SubjectError, WhynetError
from whynet.base.progress import track
from whynet.base.seeding import numpy_generator
from whynet.data.example import Example, ExampleDataset
from whynet.metrics.deletion_insertion import NUM_STEPS, centre_map
from whynet.metrics.pointing_game import PointingGame
from whynet.metrics.sanity import conservation, input_shift_change, layers_from_top, parameter_randomisation
from whynet.models.named_network import first_line
from whynet.models.subject import Subject
from whynet.workflows.check_request import check_request
from whynet.workflows.checked_pictures import BATCH_SIZE, CURVES, Checked, RandomCurves
from whynet.workflows.seen_regions import Regions, seen_regions

NUM_IMAGES = 32
SHIFT = 1.0
"""In the unit of the network's input: one standard deviation of the colours, where it is normalised."""
CONSERVED = ("excitation_backprop",)
"""Methods whose maps are probabilities."""
Figures = dict[str, Any]


def check(
    subject: Subject,
    examples: ExampleDataset,
    methods: Sequence[str],
    *,
    layer: str | None = None,
    conservation_layers: Sequence[str] = (),
    target: str | None = None,
    num_images: int = NUM_IMAGES,
    num_steps: int = NUM_STEPS,
    seed: int = 0,
) -> Figures:
    """Put heat map methods to the test on one network.

    Args:
        subject: The network.
        examples: Of which pictures are drawn.
        methods: Names of `attribution.methods.METHODS`.
        layer: Where the maps are read; None is the input, or the last convolutional layer for methods of maps.
        conservation_layers: Further layers at which excitation maps must add up to 1; each must cut the network in two.
        target: Name of the class that is explained in every picture; None explains the predicted one of each.
        num_images: Most pictures to look at.
        num_steps: Of deletion and insertion.
        seed: Of the choice of pictures, the new parameters and the random maps.

    Returns:
        What this module's head lists. A method that cannot explain the network has its reason there and no figures.

    Raises:
        SettingError: A method or the target is unknown, or a number is out of its range.
        SubjectError: A layer does not exist, or the network returned no logits.
        DataError: A picture cannot be used.
    """
    check_request(subject, methods, layer, conservation_layers, target, num_images, num_steps)
    chosen = numpy_generator(seed, "check").permutation(len(examples))[:num_images].tolist()
    shown = [examples[index] for index in track(chosen, "Opening pictures")]
    checked = _prepared(subject, shown, layer, conservation_layers, target, num_steps, seed)
    found, curves = {}, RandomCurves(checked)
    for name in track(list(dict.fromkeys(methods)), "Checking methods"):
        found[name] = _check_method(checked, name, curves)
    return {
        "subject": subject.name, "layer": layer, "target": target, "num_images": len(shown), "num_steps": num_steps,
        "seed": seed, "pictures": [example.name for example in shown], "methods": found, "floors": _floors(checked),
    }  # fmt: skip


def _prepared(
    subject: Subject, shown: Sequence[Example], layer: str | None, conservation_layers: Sequence[str],
    target: str | None, num_steps: int, seed: int,
) -> Checked:  # fmt: skip
    images = subject.preprocess([example.image for example in shown]).to(subject.device)
    logits = torch.cat(
        [subject.logits(images[start : start + BATCH_SIZE]) for start in range(0, len(images), BATCH_SIZE)]
    )
    classes = logits.argmax(1)
    if target is not None:
        classes = torch.full_like(classes, subject.class_number(target))
    return Checked(
        subject=subject, images=images, classes=classes, regions=seen_regions(subject.preprocess, shown), layer=layer,
        conservation_layers=list(dict.fromkeys([layer, *conservation_layers])), num_steps=num_steps, seed=seed,
    )  # fmt: skip


def _check_method(checked: Checked, name: str, curves: RandomCurves) -> Figures:
    """All figures of one method; those that cannot be had are told in `missing`."""
    figures: Figures = {"missing": {}}

    def explain(network: nn.Module, images: Tensor) -> Tensor:
        return checked.maps(name, network, images, checked.layer)

    try:
        if checked.layer is None and name in NEEDS_MAPS:
            deepest = last_convolutional_layer(checked.network, checked.images)
            layers = [deepest if layer is None else layer for layer in checked.conservation_layers]
            checked = replace(checked, layer=deepest, conservation_layers=layers)
        figures["layer"] = checked.layer
        figures["notes"] = _probe(checked, name)
        maps = explain(checked.network, checked.images)
    except (WhynetError, RuntimeError) as error:
        return {"missing": {"maps": _reason(error)}}
    figures["blank"] = int((~maps.flatten(1).any(1)).sum())
    checks: dict[str, Callable[[], Figures | list[Figures]]] = {
        "randomisation": lambda: _randomisation(checked, explain),
        "shift": lambda: _shift(checked, explain),
        "pointing": lambda: _pointing(checked, maps),
        **{curve: partial(_curve, checked, curve, maps, curves) for curve in CURVES},
    }
    if name in CONSERVED:
        checks["conservation"] = lambda: _conservation(checked, name, figures["notes"])
    for figure, compute in track(checks.items(), name, total=len(checks)):
        try:
            figures[figure] = compute()
        except (WhynetError, RuntimeError) as error:
            figures["missing"][figure] = _reason(error)
    return figures


def _probe(checked: Checked, name: str) -> list[str]:
    """Explain one picture, and give what the method warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = heat_map(name, checked.network, checked.images[:1], checked.classes[:1], layer=checked.layer)
    return sorted({str(warning.message) for warning in caught}) if found.any() else []  # `blank` counts the others


def _randomisation(checked: Checked, explain: Callable[[nn.Module, Tensor], Tensor]) -> Figures:
    known = layers_from_top(checked.network, checked.images)
    found = parameter_randomisation(
        explain, checked.network, checked.images, layers=[known[0], known[-1]], seed=checked.seed
    )
    return {
        name: {
            "layer": own.layer,
            "rank_correlation": _mean(own.rank_correlation),
            "ssim": None if own.ssim is None else _mean(own.ssim.where(own.rank_correlation.isfinite(), torch.nan)),
            "blank": int(own.rank_correlation.isnan().sum()),
        }
        for name, own in (("top_layer", found[0]), ("all_layers", found[-1]))
    }


def _shift(checked: Checked, explain: Callable[[nn.Module, Tensor], Tensor]) -> Figures:
    found = input_shift_change(explain, checked.network, checked.images, SHIFT)
    return {
        "relative_change": float(found.relative_change.mean()),
        "worst": float(found.relative_change.max()),
        "rank_correlation": _mean(found.rank_correlation),
    }


def _mean(values: Tensor) -> float | None:
    """Over those that say something; None if none does."""
    kept = values[values.isfinite()]
    return float(kept.mean()) if len(kept) else None


def _conservation(checked: Checked, name: str, notes: list[str]) -> list[Figures]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        few = slice(0, BATCH_SIZE)
        excitation_backprop(checked.network, checked.images[few], checked.classes[few], layer=checked.layer, check=True)
    notes += sorted({str(warning.message) for warning in caught} - set(notes))
    maps = {
        layer or "input": checked.maps(name, checked.network, checked.images, layer)
        for layer in checked.conservation_layers
    }
    return [{**asdict(own), "error": own.error} for own in conservation(maps)]


def _pointing(checked: Checked, maps: Tensor) -> Figures:
    _check_is_picture(maps)
    if not checked.regions:
        raise SettingError("the pictures have no boxes and no part masks to point at")
    return {name: {"accuracy": _game(regions, maps)["accuracy"]} for name, regions in checked.regions.items()}


def _game(regions: Regions, maps: Tensor) -> dict[str, float]:
    game = PointingGame()
    game.update(maps[regions.rows].cpu().float(), regions.masks)
    return game.compute()


def _curve(checked: Checked, name: str, maps: Tensor, random: RandomCurves) -> Figures:
    _check_is_picture(maps)
    return {"area": checked.curve_area(name, maps), "random": random(name, tuple(maps.shape))}


def _check_is_picture(maps: Tensor) -> None:
    if maps.ndim != 3:
        raise SubjectError(
            f"a map with rows and columns was expected, but there are {tuple(maps.shape[1:])} entries an image; name a "
            "layer of maps"
        )


def _floors(checked: Checked) -> Figures:
    """What needs no method."""
    centre = centre_map(checked.images)
    return {
        "pointing": {
            name: {key: figure for key, figure in _game(own, centre).items() if key != "accuracy"}
            for name, own in checked.regions.items()
        },
        **{curve: {"centre": checked.curve_area(curve, centre)} for curve in CURVES},
    }


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, WhynetError) else first_line(error)
