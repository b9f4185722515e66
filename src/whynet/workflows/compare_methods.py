"""`whynet attribute --compare`: one picture, and what every method makes of it, in one grid.

NAME.compare.png           the picture, then a map for each method on a scale of its own
NAME.compare.safetensors   the maps, by their method
NAME.compare.json          for each method its layer, sum and maximum, or why it has no map
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whynet.attribution.captum_methods import CAPTUM_METHODS
from whynet.attribution.last_convolution import NEEDS_MAPS
from whynet.attribution.methods import METHODS
from whynet.attribution.overlay import resized, sensible_scale
from whynet.base.errors import WhynetError
from whynet.base.files import write_bytes_atomically, write_json_atomically
from whynet.base.image import read_image, to_png
from whynet.base.paths import file_names
from whynet.base.progress import track
from whynet.base.types import Images, Picture
from whynet.models.subject import Subject
from whynet.workflows.attribute import make_folder, write_maps
from whynet.workflows.plates import Cell, drawn, grid
from whynet.workflows.question import Answers, Question, answer

SIDE = 224
_COLUMNS = 5


def methods_at_hand() -> tuple[str, ...]:
    """Our methods, and Captum's where it is installed."""
    return (*METHODS, *(CAPTUM_METHODS if importlib.util.find_spec("captum") is not None else ()))


def compare_methods(
    subject: Subject, image: Path, question: Question, *, out: Path, methods: Sequence[str] = ()
) -> dict[str, Any]:
    """Draw what several methods make of one picture; one that cannot work on it says why in its place.

    Args:
        subject: Which network is explained.
        image: A picture file.
        question: What is explained; its method does not count, and its layer is for the methods that need one.
        out: The folder to write to, made if it is absent.
        methods: Which; none: all there are.

    Returns:
        What NAME.compare.json holds.

    Raises:
        ImageError: The picture cannot be used.
        SettingError: The class is unknown, or a method is.
        SubjectError: The network does not give logits.
        StorageError: The folder cannot be written.
    """
    names = tuple(methods) or methods_at_hand()
    asked = [replace(question, method=name, layer=question.layer if name in NEEDS_MAPS else None) for name in names]
    picture = read_image(image)
    images = subject.preprocess([picture])
    probabilities = subject.logits(images).float().softmax(1)[0].cpu()
    predicted = int(probabilities.argmax())
    target = predicted if question.target is None else subject.class_number(question.target)
    for layer in (question.layer, question.source):
        if layer is not None:
            subject.layer(layer)
    make_folder(out)
    (file_name,) = file_names([image], ".compare.png", out)
    stem = file_name.removesuffix(".png")
    own = f"{subject.class_names[predicted]} ({float(probabilities[predicted]):.0%})"
    cells, entries, maps = [Cell(name=image.name, note=own, picture=resized(picture, SIDE))], [], {}
    for one in track(asked, "Comparing methods"):
        found = tried(subject, one, images)
        cells.append(_cell(subject, one, found, picture))
        entries.append({"method": one.method, **_entry(found)})
        if isinstance(found, Answers):
            maps[one.method] = found.maps[0]
    explained = f"{subject.class_names[target]} ({float(probabilities[target]):.0%})"
    if question.unit is not None:
        explained = f"unit {question.unit} of {question.source}"
    result = {
        "subject": subject.name,
        "image": str(image),
        "class": subject.class_names[predicted],
        "class_number": predicted,
        "probability": float(probabilities[predicted]),
        "explained": explained,
        "picture": file_name,
        "maps": f"{stem}.safetensors" if maps else None,
        "methods": entries,
    }
    if maps:
        write_maps(out / f"{stem}.safetensors", maps)
    write_bytes_atomically(out / file_name, to_png(grid(f"Why {explained}?", cells, columns=_COLUMNS, side=SIDE)))
    write_json_atomically(out / f"{stem}.json", result)
    return result


def _cell(subject: Subject, question: Question, found: Answers | str, picture: Picture) -> Cell:
    if isinstance(found, str):
        return Cell(name=question.method, note="no map", reason=found)
    heat = found.maps[0]
    where = "at the input" if found.layer is None else f"at {found.layer}"
    if found.layer is not None and question.layer is None:
        where += ", the last convolutional layer" + (f" before {question.source}" if question.source else "")
    signed = bool((heat < 0).any())
    over = drawn(subject, picture, heat, scale=sensible_scale([heat]), signed=signed, side=SIDE)
    return Cell(name=question.method, note=where, picture=over)


def _entry(found: Answers | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"reason": found}
    heat = found.maps[0]
    return {
        "layer": found.layer,
        "sum": float(heat.double().sum()),
        "max": float(heat.max()),
        "min": float(heat.min()),
        "scale": sensible_scale([heat]),
        "notes": list(found.notes),
    }


def tried(subject: Subject, question: Question, images: Images) -> Answers | str:
    """A method's answer, or in a sentence why there is none."""
    try:
        return answer(subject, question, images)
    except WhynetError as error:
        return str(error)
    except Exception as error:  # a stranger's network, or Captum, under a method that it was not made for
        first = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {first}"
