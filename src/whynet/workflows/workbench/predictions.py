"""What the network takes each test picture for: one pass over all of them, whose answer is kept."""

from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

from whynet.base.progress import track
from whynet.workflows.picture_batches import PictureBatches
from whynet.workflows.workbench.desk import Desk


def predicted(desk: Desk) -> AbstractContextManager[Future[Any]]:
    """Ask for the predicted class of each test picture: the future is of a list of class indices, one a picture."""
    return desk.answers.asked("Looking at all test pictures", _of(desk), lambda: _predicted(desk))


def known_predictions(desk: Desk) -> list[int] | None:
    """The same where it was asked before, without waiting; None where it was not."""
    found: list[int] | None = desk.answers.kept(_of(desk))
    return found


def _of(desk: Desk) -> tuple[str, ...]:
    return "predictions", desk.state, desk.data_fingerprint


def _predicted(desk: Desk) -> list[int]:
    subject, test = desk.explainer().subject, desk.splits().test
    found: list[int] = []
    for images in track(PictureBatches(subject, test), "Naming pictures"):
        found += subject.logits(images).argmax(1).tolist()
    return found
