"""`whynet attribute`: pictures in, heat maps over them out.

    NAME.METHOD.png          the map over each picture, with its colour bar, on one scale for all pictures
    METHOD.safetensors       the maps at the resolution of their layer, by the name of their picture file
    METHOD.json              for each picture its class, probability, sum and maximum, and the names of these files

A call with another method may write to the same folder; one with the same method takes the place of the last.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from whynet.attribution.overlay import sensible_scale
from whynet.base.errors import DataError, SettingError, StorageError, WhynetError
from whynet.base.files import write_bytes_atomically, write_json_atomically
from whynet.base.image import read_image, to_png
from whynet.base.paths import file_names
from whynet.base.progress import track
from whynet.base.types import Picture
from whynet.models.subject import Subject
from whynet.workflows.plates import drawn, plate
from whynet.workflows.question import Answers, Question, answer, describe

BATCH_SIZE = 16
SIDE = 448
"""The longer side of a drawn picture, in pixels."""
SHARED, EACH = "shared", "each"


@dataclass(kw_only=True, eq=False)
class _Found:
    """What a call has found so far."""

    maps: dict[str, Tensor] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    failed: list[dict[str, str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    scale: float | None = None

    def fail(self, path: Path, error: WhynetError) -> None:
        self.failed.append({"image": str(path), "reason": str(error)})


def attribute(
    subject: Subject, images: Sequence[Path], question: Question, *, out: Path, scale: float | str = SHARED
) -> dict[str, Any]:
    """Write a heat map for each picture; what is done is kept if the rest is broken off.

    Args:
        subject: Which network is explained.
        images: Picture files.
        question: Which map is wanted.
        out: The folder to write to, made if it is absent.
        scale: The value of the strongest colour; "shared": one for all pictures, which 99.8 % of the entries do not
            exceed; "each": one for each picture, so that pictures cannot be compared.

    Returns:
        What METHOD.json holds; `failed` names the pictures that could not be used, with the reason.

    Raises:
        DataError: No picture could be used.
        SettingError: The method, the class, the unit or the scale does not fit.
        SubjectError: A layer does not exist, or the network cannot be explained by this method.
        StorageError: The folder cannot be written.
    """
    if scale not in (SHARED, EACH) and (isinstance(scale, str) or not 0 < scale < float("inf")):
        raise SettingError(f"a scale is 'shared', 'each' or a number above 0, not {scale!r}")
    make_folder(out)
    names = file_names(images, f".{question.method}.png", out)
    found = _Found()
    with ExitStack() as at_the_end:  # also when it is broken off
        at_the_end.callback(lambda: _write_record(out, subject, question, found))
        _collect(subject, images, names, question, found, out)
        if not found.records:
            raise DataError(f"no picture could be explained; {found.failed[0]['reason']}")
        if scale == SHARED:
            found.scale = sensible_scale(found.maps.values())
        elif not isinstance(scale, str):
            found.scale = float(scale)
        _draw(subject, question, found, out)
    return _record(subject, question, found)


def make_folder(out: Path) -> None:
    """Make a folder; raises `StorageError` if it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {out} ({error.strerror or error}); choose another --out") from error


def write_maps(path: Path, maps: dict[str, Tensor], **metadata: str) -> None:
    """Write maps as safetensors, whole or not at all."""
    write_bytes_atomically(path, save({name: map_.contiguous() for name, map_ in maps.items()}, metadata=metadata))


def _record(subject: Subject, question: Question, found: _Found) -> dict[str, Any]:
    """What METHOD.json holds."""
    return {
        "subject": subject.name,
        "method": question.method,
        "target": question.target,
        "source": question.source,
        "unit": question.unit,
        "layer": found.records[0]["layer"] if found.records else question.layer,
        "scale": found.scale,
        "maps": f"{question.method}.safetensors",
        "images": found.records,
        "failed": found.failed,
        "notes": list(found.notes),
    }


def _collect(
    subject: Subject, images: Sequence[Path], names: Sequence[str], question: Question, found: _Found, out: Path
) -> None:
    batches = [range(start, min(start + BATCH_SIZE, len(images))) for start in range(0, len(images), BATCH_SIZE)]
    try:
        for batch in track(batches, "Explaining pictures"):
            opened: list[tuple[int, Picture]] = []
            for index in batch:
                try:
                    opened.append((index, read_image(images[index])))
                except WhynetError as error:
                    found.fail(images[index], error)
            for indices, answers in _answered(subject, question, opened, images, found):
                for row, index in enumerate(indices):
                    _keep(found, images[index], names[index], subject, question, answers, row)
    finally:
        if found.maps:
            write_maps(out / f"{question.method}.safetensors", found.maps, method=question.method)


def _answered(
    subject: Subject, question: Question, opened: list[tuple[int, Picture]], images: Sequence[Path], found: _Found
) -> list[tuple[list[int], Answers]]:
    """The answers for a batch at once; where that fails, for each picture, so that one does not lose the others'."""
    if not opened:
        return []
    indices = [index for index, _ in opened]
    try:
        return [(indices, answer(subject, question, subject.preprocess([picture for _, picture in opened])))]
    except WhynetError as error:
        answered, first = [], error
    for index, picture in opened if len(opened) > 1 else []:
        try:
            answered.append(([index], answer(subject, question, subject.preprocess([picture]))))
        except WhynetError as error:
            found.fail(images[index], error)
    if not answered and not found.records:
        raise first  # it is the question that cannot be answered, and not a picture
    if len(opened) == 1:
        found.fail(images[indices[0]], first)
    return answered


def _keep(
    found: _Found, path: Path, name: str, subject: Subject, question: Question, answers: Answers, row: int
) -> None:
    heat, number = answers.maps[row], answers.predicted[row]
    target = None if answers.classes is None else answers.classes[row]
    found.maps[name] = heat
    found.titles[name] = describe(subject, question, answers, row)
    found.notes |= dict.fromkeys(answers.notes)
    found.records.append(
        {
            "image": str(path),
            "picture": name,
            "class": subject.class_names[number],
            "class_number": number,
            "probability": float(answers.probabilities[row, number]),
            "method": question.method,
            "layer": answers.layer,
            "target": None if target is None else subject.class_names[target],
            "target_number": target,
            "target_probability": None if target is None else float(answers.probabilities[row, target]),
            "sum": float(heat.double().sum()),
            "max": float(heat.max()),
            "min": float(heat.min()),
            "rows": heat.shape[0],
            "columns": heat.shape[1],
            "drawn": False,
        }
    )


def _draw(subject: Subject, question: Question, found: _Found, out: Path) -> None:
    signed = any(bool((heat < 0).any()) for heat in found.maps.values())
    for entry in track(found.records, "Drawing maps"):
        heat = found.maps[entry["picture"]]
        own = found.scale if found.scale is not None else sensible_scale([heat])
        try:
            picture = drawn(subject, read_image(Path(entry["image"])), heat, scale=own, signed=signed, side=SIDE)
        except WhynetError as error:  # it was there a moment ago
            found.fail(Path(entry["image"]), error)
            continue
        where = "at the input" if entry["layer"] is None else f"at {entry['layer']}"
        lines = [f"{question.method}: {found.titles[entry['picture']]}", f"{where}, {Path(entry['image']).name}"]
        write_bytes_atomically(out / entry["picture"], to_png(plate(picture, lines)))
        entry["scale"], entry["drawn"] = own, True


def _write_record(out: Path, subject: Subject, question: Question, found: _Found) -> None:
    if found.records:
        write_json_atomically(out / f"{question.method}.json", _record(subject, question, found))
