"""Tables 1(a), 2(a), 2(b) and 3 of SRAE: x-features against their baselines, over classes and seeds.

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", arXiv:1709.05360. For each seed a classifier is
trained; on it every row's x-features are found for the same classes and measured on test pictures.

Differs from the paper: painted birds, ten species of CUB or the Animal-Part crops instead of 200 species of CUB, and a
small network trained on them from nothing instead of VGG-19, whose layers are smaller, and with them the encoder. The
paper has one network; here each seed has its own.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whynet.base.errors import DataError, SettingError
from whynet.base.files import read_json, write_json_atomically
from whynet.base.seeding import numpy_generator
from whynet.data.example import digest_of
from whynet.models.saved_subject import load_subject
from whynet.training.fitting import FitContext
from whynet.training.hardware import Hardware
from whynet.training.srae_settings import ModuleSettings
from whynet.workflows.catalogue import Splits, open_data
from whynet.workflows.concepts.completeness import GAMMAS
from whynet.workflows.concepts.readings import ExplainedLayer, Readings
from whynet.workflows.concepts.rows import Bench
from whynet.workflows.concepts.search import (
    FOLDS,
    MAX_F_REG,
    MIN_F_CLS,
    MIN_LIVE,
    NUM_CLASSES,
    SLACK_F_CLS,
    SLACK_F_REG,
    search,
)
from whynet.workflows.concepts.shift import shift_figure
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.reproduce.srae_plan import LASSO_SIZES, SCALES, SRAEScale
from whynet.workflows.reproduce.srae_results import plain, results_of
from whynet.workflows.reproduce.study import alone_at, header
from whynet.workflows.run import CLASSIFIER, Run
from whynet.workflows.settings import DataSettings, TrainSettings, settings_with
from whynet.workflows.train import train

MEASURED, CHOSEN, MODULES = "srae.json", "srae-settings.json", "modules"


def reproduce_srae(
    *,
    data: str = "birds",
    root: str | None = None,
    classes: int = 10,
    seeds: int = 5,
    out: Path | None = None,
    device: str = "auto",
    scale: SRAEScale | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train and measure every row over several seeds and classes.

    Args:
        data: "birds", "cub" or "animal_parts".
        root: The folder of CUB or of the crops.
        classes: How many are explained, drawn at random; the same for all seeds.
        seeds: How many; 0, 1, 2, ...
        out: Folder of the runs; what is complete there is not done again.
        device: Where to compute.
        scale: Sizes and lengths of training other than those of `SCALES`.
        say: Told when a seed is done.

    Returns:
        What the results file holds.

    Raises:
        SettingError: The data are unknown here, or there is no seed or class, or not so many.
        DataError: A class has no test picture.
        RunError: Another study is at work on one of the runs.
        WhynetError: What `train` and `train_modules` raise.
    """
    if data not in SCALES:
        raise SettingError(f"this study is laid out for {', '.join(SCALES)}, not for {data!r}; choose one of them")
    if seeds < 1 or classes < 1:
        raise SettingError(f"at least one seed and one class were expected, not {seeds} and {classes}")
    scale = scale or SCALES[data]
    settings = DataSettings(name=data, root=root)
    _check_classes(open_data(DataSettings(name=data, root=root, **scale.data)), classes)
    folder = out or Path("runs/reproduce") / f"srae-{settings.title}"
    study = _Study(data, root, classes, scale, folder, Hardware(device=device))
    say(f"{seeds} runs in {folder}; those that are complete there are kept")
    measured = []
    for seed in range(seeds):
        measured.append(study.seed(seed))
        say(f"{seed + 1} of {seeds}: seed {seed}")
    told = ["--root", settings.title] if root else []
    command = " ".join(["whynet reproduce srae --data", data, *told, "--classes", str(classes), "--seeds", str(seeds)])
    return header(command, settings.title, range(seeds)) | results_of(measured, scale)


class _Study:
    """All seeds of one study."""

    def __init__(
        self, data: str, root: str | None, classes: int, scale: SRAEScale, folder: Path, hardware: Hardware
    ) -> None:
        self.data, self.root, self.num_classes = data, root, classes
        self.scale, self.folder, self.hardware = scale, folder, hardware

    def seed(self, seed: int) -> dict[str, Any]:
        """What one seed's network shows; measured unless it was in just this way."""
        folder = self.folder / f"seed{seed}"
        asked = self._asked()
        with alone_at(folder):
            run = self._classifier(seed, folder)
            if (folder / MEASURED).exists():
                done: dict[str, Any] = read_json(folder / MEASURED, "a study's figures")
                if done.get("asked") == asked:
                    return done
            found = {"asked": asked, **self._measure(run, seed)}
            write_json_atomically(folder / MEASURED, found)
            shutil.rmtree(folder / MODULES, ignore_errors=True)
            return found

    def _asked(self) -> dict[str, Any]:
        """All that decides what is measured of a seed's network, as JSON gives it back."""
        grids = {row: [asdict(own) for own in grid] for row, grid in self.scale.grids().items()}
        bars = (MIN_F_CLS, MAX_F_REG, MIN_LIVE, SLACK_F_CLS, SLACK_F_REG)
        budget = {"grids": grids, "folds": FOLDS, "classes": NUM_CLASSES, "bars": bars}
        measured = {"gammas": GAMMAS, "lasso": LASSO_SIZES}
        asked = {"scale": asdict(self.scale), "classes": self.num_classes, "search": budget, "measured": measured}
        return {key: plain(value) for key, value in asked.items()}

    def _modules(self, run: Run, seed: int, settings: Mapping[str, Sequence[ModuleSettings]]) -> FitContext:
        """Where modules of these settings are trained: checkpoints of others are no beginning of theirs."""
        kinds = {row: [asdict(own) for own in some] for row, some in settings.items()}
        folder = run.folder / MODULES / digest_of(self._asked(), kinds)[:16]
        return FitContext(folder=folder, seed=seed, hardware=self.hardware)

    def _classifier(self, seed: int, folder: Path) -> Run:
        settings = settings_with(
            {
                "data": {"name": self.data, "root": self.root, "data_seed": seed, **self.scale.data},
                "model": {"variant": "interpnet2", "seed": seed},
                "classifier": dict(self.scale.classifier),
            }
        )
        begun = (folder / "run.json").exists()
        return train(folder, settings, resume=begun, explainer=False, hardware=self.hardware)

    def _measure(self, run: Run, seed: int) -> dict[str, Any]:
        subject = load_subject(run.folder / CLASSIFIER).to(self.hardware.torch_device())
        splits = open_data(TrainSettings.from_json(run.settings).data)
        explained = ExplainedLayer.of(subject, self.scale.layer, splits.train, map_layer=self.scale.map_layer)
        cache = FeatureCache()
        learned, test = explained.read(splits.train, cache), explained.read(splits.test, cache)
        classes = _classes(splits, self.num_classes)
        grids = self.scale.grids()
        settings, table = self._settings(explained, learned, classes, self._modules(run, seed, grids))
        context = self._modules(run, seed, {row: [own] for row, own in settings.items()})
        bench = Bench(
            explained=explained, splits=splits, train=learned, test=test, classes=classes, settings=settings,
            fit=self.scale.fit, context=context, stability_seeds=self.scale.stability_seeds,
        )  # fmt: skip
        features, stabilities = bench.features()
        rows = bench.measure(features, stabilities)
        accuracy = float((test.logits.argmax(1) == test.labels).float().mean())
        return {
            "accuracy": accuracy,
            "layer": explained.layer,
            "map_layer": explained.map_layer,
            "class_names": [subject.class_names[index] for index in classes],
            "rows": rows,
            "settings": {row: asdict(own) for row, own in settings.items()},
            "search": table,
            "lasso": bench.lasso_table(LASSO_SIZES),
            "shift": shift_figure(explained, test, features["SRAE"][0]),
        }

    def _settings(
        self, explained: ExplainedLayer, learned: Readings, classes: Sequence[int], context: FitContext
    ) -> tuple[dict[str, ModuleSettings], list[dict[str, Any]]]:
        """Each row's settings: the search on the first network's training pictures, once for all seeds.

        What was chosen for another scale or other classes is chosen again.
        """
        path = self.folder / CHOSEN
        asked = self._asked()
        if path.exists():
            kept = read_json(path, "a study's settings")
            if kept.get("asked") == asked:
                return {row: ModuleSettings(**own) for row, own in kept["settings"].items()}, kept["search"]
        settings, table = search(
            explained, learned, classes, self.scale.fit, context.within("search"), grids=self.scale.grids()
        )
        chosen = {row: asdict(own) for row, own in settings.items()}
        write_json_atomically(path, {"asked": asked, "settings": chosen, "search": table})
        return settings, table


def _classes(splits: Splits, number: int) -> list[int]:
    """Classes drawn at random, the same for all seeds."""
    order = numpy_generator(0, "classes of the study").permutation(len(splits.train.class_names))
    return sorted(int(index) for index in order[:number])


def _check_classes(splits: Splits, number: int) -> None:
    """Raise if there are not so many classes, or one has no test picture to be measured on."""
    names = splits.train.class_names
    if number > len(names):
        raise SettingError(f"{number} classes were asked for, but there are {len(names)}; ask for fewer")
    tested = set(splits.test.labels)
    if missing := [names[index] for index in _classes(splits, number) if index not in tested]:
        raise DataError(
            f"no test picture shows {missing[0]}, on which it could be measured; add one, or remove the class"
        )
