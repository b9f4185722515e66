"""What several methods make of one picture, side by side; one that cannot work on it says why in its place."""

import base64
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

from whynet.attribution.methods import METHODS
from whynet.attribution.overlay import sensible_scale
from whynet.base.errors import AbsentError, SettingError
from whynet.workflows.compare_methods import tried
from whynet.workflows.question import Question
from whynet.workflows.workbench.desk import Desk, Shown
from whynet.workflows.workbench.heat_png import placed_png, placing
from whynet.workflows.workbench.image_view import digest_of_picture

TITLES = {
    "saliency": "Saliency",
    "deconvnet": "Deconvnet",
    "guided_backprop": "Guided backprop",
    "grad_cam": "Grad-CAM",
    "excitation_backprop": "Excitation backprop",
    "contrastive_excitation_backprop": "Contrastive excitation backprop",
}
"""What pages call the methods, in their order."""


def compared(desk: Desk, shown: Shown, method: str, class_index: int | None) -> AbstractContextManager[Future[Any]]:
    """Ask for one method's map of one picture: inside, the future of an answer for `method_png`.

    Args:
        desk: Whose network.
        shown: The picture.
        method: Of `TITLES`.
        class_index: Whose logit is explained; None: the predicted class's.

    Raises:
        SettingError: There is no such method.
    """
    if method not in METHODS:
        raise SettingError(f"a method out of {', '.join(TITLES)} was expected, not {method[:40]!r}")
    of = ("method", desk.state, digest_of_picture(shown.picture), method, class_index)
    return desk.answers.asked(
        f"{TITLES[method]} of {shown.title}",
        of,
        lambda: _answer(desk, shown, method, class_index),
        is_kept=shown.is_kept,
    )


def _answer(desk: Desk, shown: Shown, method: str, class_index: int | None) -> dict[str, Any]:
    subject = desk.explainer().subject
    if class_index is not None and not 0 <= class_index < len(subject.class_names):
        raise AbsentError(f"classes from 0 to {len(subject.class_names) - 1} were expected, not {class_index}")
    target = None if class_index is None else str(class_index)
    found = tried(subject, Question(method=method, target=target), subject.preprocess([shown.picture]))
    if isinstance(found, str):
        return {"reason": found}
    heat = found.maps[0]
    explained = found.predicted[0] if class_index is None else class_index
    signed = bool((heat < 0).any())
    png = placed_png(heat.numpy(), placing(subject, shown.picture), scale=sensible_scale([heat]), signed=signed)
    return {
        "explained": subject.class_names[explained],
        "layer": found.layer,
        "signed": signed,
        "notes": list(found.notes),
        "png": base64.b64encode(png).decode(),  # a map at the input is larger as numbers than as a picture
    }


def method_png(answer: dict[str, Any]) -> bytes:
    """The map of an answer; raises `AbsentError` where the method had none."""
    if "png" not in answer:
        raise AbsentError("this method has no map of this picture")
    return base64.b64decode(answer["png"])
