"""The rows of SRAE's tables for one network: its x-features, those of its baselines, and the units of Z.

Qi & Li 2017, arXiv:1709.05360, tables 1(a), 2(a), 2(b) and 3. All modules of all rows and classes are trained together;
whatever a row's x-features come from, they are shown and measured in the same way. Their maps are contrastive; of
excitation backprop of the logit the paper means the plain one, so the contrastive one has a row of its own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.base.progress import track
from whynet.metrics.locality import Locality
from whynet.metrics.stability import Stability, stability
from whynet.models.srae import ExplanationModule
from whynet.training.fitting import FitContext
from whynet.training.lasso import fit_lasso
from whynet.training.srae import Trained, Wanted, train_modules
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.catalogue import Splits
from whynet.workflows.concepts.causal import causal_figures
from whynet.workflows.concepts.completeness import MaskedPictures, completeness_figures
from whynet.workflows.concepts.figures import Figures, faithfulness_of_both, map_figures
from whynet.workflows.concepts.parts import ShownParts, region_names, shown_parts
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.x_features import XFeatures

SRAE, LASSO, EXCITATION, CONTRASTIVE, Z = "SRAE", "Lasso", "ExcitationBP", "c-ExcitationBP", "Z"
MODULE_ROWS = (SRAE, "NN", "SAE", "CAE")
UNITS_AT_ONCE = 128
UNIT_PICTURES = 10
"""Test pictures of each class on which the single units of Z are mapped: hundreds of maps each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """One network and its pictures, on which all rows are measured.

    Args:
        explained: The network, Z, and where maps lie.
        splits: The data.
        train: Z and logits of the training pictures.
        test: Likewise.
        classes: That are explained.
        settings: Of each row that is a module.
        fit: How long modules are trained.
        context: Where, and the seed of everything.
        stability_seeds: Modules of each class, from different beginnings.
    """

    explained: ExplainedLayer
    splits: Splits
    train: Readings
    test: Readings
    classes: Sequence[int]
    settings: Mapping[str, ModuleSettings]
    fit: FitSettings
    context: FitContext
    stability_seeds: int

    def measure(
        self, features: Mapping[str, list[XFeatures]], stabilities: Mapping[str, list[Stability]]
    ) -> dict[str, list[Figures]]:
        """For each row the figures of each class; the arguments are what `features` returns."""
        found: dict[str, list[Figures]] = {
            row: [{} for _ in self.classes] for row in (*features, EXCITATION, CONTRASTIVE, Z)
        }

        def add(row: str, figures: Sequence[Figures]) -> None:
            for own, more in zip(found[row], figures, strict=True):
                own.update(more)

        for row, own in features.items():
            add(row, faithfulness_of_both(own, self.train, self.test))
        for row, values in stabilities.items():
            add(row, [{"stability": own.stability, "stability_floor": own.floor} for own in values])
        for place in track(range(len(self.classes)), "Measuring heat maps"):
            of_class = self._of_class(self.classes[place], {row: own[place] for row, own in features.items()})
            for row, figures in of_class:
                found[row][place].update(figures)
        return found

    def features(self) -> tuple[dict[str, list[XFeatures]], dict[str, list[Stability]]]:
        """For each row the x-features of each class, and for each row of modules how stable each class's are."""
        by_seed = [self._modules(number) for number in range(self.stability_seeds)]
        features: dict[str, list[XFeatures]] = {}
        stabilities: dict[str, list[Stability]] = {}
        for row in self.settings:
            modules = [[one.module for one in trained[row]] for trained in by_seed]
            features[row] = [
                XFeatures.of_module(module, index) for module, index in zip(modules[0], self.classes, strict=True)
            ]
            if len(modules) > 1:
                stabilities[row] = [
                    self._stability([seed[place] for seed in modules], index)
                    for place, index in enumerate(self.classes)
                ]
        sizes = [next(iter(self.settings.values())).num_features]
        features[LASSO] = [self._lasso(index, sizes)[0] for index in self.classes]
        return features, stabilities

    def _stability(self, modules: Sequence[ExplanationModule], index: int) -> Stability:
        own = self.train.activations[self.train.rows_of(index)]
        with torch.no_grad():
            return stability([module.encoder(own) for module in modules])

    def _modules(self, number: int) -> dict[str, list[Trained]]:
        wanted = [self.wanted(index, own, number) for own in self.settings.values() for index in self.classes]
        context = self.context.within(f"beginning{number}")
        trained = train_modules(self.train.activations, wanted, self.fit, context)
        count = len(self.classes)
        return {row: trained[at * count : (at + 1) * count] for at, row in enumerate(self.settings)}

    def wanted(self, index: int, settings: ModuleSettings, number: int = 0) -> Wanted:
        """A class's module, from one of several beginnings."""
        return self.explained.wanted(self.train, index, settings, seed=self.context.seed + 1000 * number)

    def _lasso(self, index: int, sizes: Sequence[int]) -> list[XFeatures]:
        """Lasso's entries of Z for a class, at most so many, for each size."""
        wanted = self.wanted(index, next(iter(self.settings.values())))
        return [
            XFeatures(class_index=index, encoder=None, units=own.units, weights=own.weights, bias=own.bias)
            for own in fit_lasso(self.train.activations, wanted, self.fit, sizes)
        ]

    def lasso_table(self, sizes: Sequence[int]) -> list[Figures]:
        """Table 2(a): how faithful Lasso is with so many entries at most; means over the classes."""
        sizes = [size for size in sizes if size <= self.train.activations.shape[1]]
        by_class = [self._lasso(index, sizes) for index in self.classes]
        table = []
        for place, size in enumerate(sizes):
            own = [of_class[place] for of_class in by_class]
            found = faithfulness_of_both(own, self.train, self.test)
            figures = {key: sum(one[key] for one in found) / len(found) for key in found[0]}
            numbers = sum(len(one.units) for one in own) / len(own)
            table.append({"at_most": float(size), "num_entries": numbers, **figures})
        return table

    def _of_class(self, index: int, features: Mapping[str, XFeatures]) -> list[tuple[str, Figures]]:
        """What needs heat maps, for each row."""
        rows = self.test.rows_of(index)
        subject = self.explained.subject
        parts = shown_parts(subject, self.test.examples, rows)
        masked = MaskedPictures(self.explained, self.test, rows)
        of_logit = {row: self._maps_of_logit(index, rows, row == CONTRASTIVE) for row in (EXCITATION, CONTRASTIVE)}
        found = []
        for row, own in features.items():
            if not own.units:  # Lasso's first step may select more than it is let
                found.append((row, {"live": 0.0}))
                continue
            maps = own.maps(self.explained, self.test, rows)
            figures = map_figures(maps, parts) | completeness_figures(
                masked, maps, of_logit[EXCITATION][:, 0] if row == SRAE else None
            )
            if self.splits.without_part is not None and parts is not None and row == SRAE:
                names = region_names(self.test.examples, self.splits.whole_parts)
                figures |= causal_figures(
                    self.explained, self.test, own, maps, rows, parts, names, self.splits.without_part,
                    seed=self.context.seed,
                )  # fmt: skip
            found.append((row, figures))
        for row, maps in of_logit.items():
            figures = completeness_figures(masked, maps)
            if parts is not None:
                figures |= {key: value for key, value in map_figures(maps, parts).items() if key == "locality"}
            found.append((row, figures))
        if parts is not None:
            found.append((Z, self._locality_of_units(rows, parts)))
        return found

    def _maps_of_logit(self, index: int, rows: list[int], contrastive: bool) -> Float[Tensor, "batch 1 rows columns"]:
        """Excitation backprop of the logit itself."""
        subject, layer = self.explained.subject, self.explained.map_layer
        maps = [
            excitation_backprop(subject, images, index, layer=layer, contrastive=contrastive).cpu()
            for images in self.explained.batches(self.test.examples, rows)
        ]
        return torch.cat(maps)[:, None]

    def _locality_of_units(self, rows: list[int], parts: ShownParts) -> Figures:
        """Mean entropy over the single units of Z that fire in some of the pictures; nothing where none has a map."""
        places = list(range(len(parts.places)))[:UNIT_PICTURES]
        shown = [rows[parts.places[place]] for place in places]
        units = self.test.activations[shown].any(0).nonzero()[:, 0].tolist()
        entropies = []
        for start in range(0, len(units), UNITS_AT_ONCE):
            some = tuple(units[start : start + UNITS_AT_ONCE])
            own = XFeatures(class_index=0, encoder=None, units=some, weights=torch.ones(len(some)), bias=0.0)
            metric = Locality(len(some), parts.weights.shape[1])
            metric.update(own.maps(self.explained, self.test, shown), parts.weights[places])
            entropies.append(metric.compute().entropy)
        mean = float(torch.cat(entropies).nanmean()) if entropies else math.nan
        return {"locality": mean} if math.isfinite(mean) else {}
