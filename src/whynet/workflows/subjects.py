"""Subjects as the command line names them: a run, a saved folder, a library's network, or the user's own function."""

import logging
from collections.abc import Sequence
from pathlib import Path

from whynet.base.errors import SettingError, StorageError
from whynet.models.named_network import is_named
from whynet.models.named_subject import named_subject
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import DESCRIPTION, import_subject, load_subject
from whynet.models.subject import Subject
from whynet.workflows.run import CLASSIFIER
from whynet.workflows.settings import DataSettings

_log = logging.getLogger(__name__)


def saved_folder(name: str) -> Path | None:
    """The folder of a saved subject, or of a run's; None if there is none of that name."""
    return next((path for path in (Path(name), Path(name) / CLASSIFIER) if (path / DESCRIPTION).is_file()), None)


def is_code(name: str) -> bool:
    """Whether a subject is the user's own function, whose code runs only if it is named again."""
    return not is_named(name) and saved_folder(name) is None


def open_subject(
    name: str,
    *,
    weights: Path | None = None,
    class_names: Sequence[str] | None = None,
    image_size: int | None = None,
    preprocessing: Preprocessing | None = None,
    allow: str | None = None,
) -> Subject:
    """A subject to be explained as it is.

    Args:
        name: A run or a saved subject by its folder, "timm:NAME", "torchvision:NAME", "hf:REPOSITORY", or
            "package.module:function", whose code is run.
        weights: A safetensors file for a network that is named or built by a function.
        class_names: One name an output, where the network has classes of one's own.
        image_size: Rows and columns of a named network's input; None for those it was made for.
        preprocessing: Of a function that returns a module without one.
        allow: "package.module:function" that may run, where a folder holds the weights of the user's own network.

    Raises:
        MissingDependencyError: The library of a named network is not installed.
        RunError: The folder or the weights are absent, damaged, or not safetensors.
        SettingError: Weights or class names are given for a folder, which has its own.
        SubjectError: There is no such network or function, or weights and class names do not fit.
    """
    folder = saved_folder(name)
    if folder is not None:
        if weights is not None or class_names is not None:
            raise SettingError(f"{name} is a folder with weights and class names of its own; leave out the others")
        subject = load_subject(folder, function=allow, option="--allow")
        subject.name = name  # a run's is called "classifier", as every run's
        return subject
    if is_named(name):
        return named_subject(name, class_names=class_names, weights=weights, image_size=image_size)
    return import_subject(name, weights=weights, class_names=class_names or (), preprocessing=preprocessing)


def open_subject_for_data(
    name: str, class_names: Sequence[str], data: DataSettings, *, weights: Path | None = None, allow: str | None = None
) -> Subject:
    """A subject with the classes and the size of a data set, where it leaves these open; errors as `open_subject`.

    A function may return a network alone. If nobody has said which size it was trained on, the one that is taken is
    told: a network that sees pictures of another size errs more often, and nothing else tells.

    Args:
        name: See there, as for the weights and what may run.
        class_names: Of the data.
        data: Its settings.
        weights: A safetensors file.
        allow: "package.module:function" that may run.
    """
    if saved_folder(name) is not None:
        return open_subject(name, weights=weights, allow=allow)
    if is_named(name):  # its own classes, unless weights of one's own come with others
        own_names = None if weights is None else class_names
        return open_subject(name, weights=weights, class_names=own_names, image_size=data.image_size)
    preprocessing = preprocessing_for(data)
    subject = open_subject(name, weights=weights, class_names=class_names, preprocessing=preprocessing)
    if subject.preprocess is preprocessing and data.image_size is None:
        _log.warning(
            "%s returns a network without preprocessing: it sees pictures of %d x %d pixels, with ImageNet's mean and "
            "deviation; if it was trained on others, give --image-size, or return a whynet.Subject with its own",
            name, preprocessing.height, preprocessing.width,
        )  # fmt: skip
    return subject


def preprocessing_for(data: DataSettings) -> Preprocessing:
    """What brings the pictures of a data set to the size that its settings ask for."""
    return Preprocessing(height=data.input_size, width=data.input_size)


def read_class_names(path: Path) -> tuple[str, ...]:
    """The class names in a text file, one a line; raises `StorageError` if it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"class names, one a line, were expected in {path}, which cannot be read ({error})"
        ) from error
    return tuple(line.strip() for line in lines if line.strip())
