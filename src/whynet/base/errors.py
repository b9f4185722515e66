"""What can go wrong, as one tree.

    WhynetError                 every error that whynet raises on purpose
    ├── DataError               a data set, its files or its annotations
    │   ├── ImageError          one picture that cannot be used
    │   └── UnrecognisedError   a class of which the network recognises no picture
    ├── SubjectError            the network being explained: its layers, its output, its weights
    ├── TrainingError           training that cannot start or go on
    │   └── RewardError         a reward model that never learned
    ├── RunError                a run folder: absent, damaged, or from a newer version
    ├── StorageError            a file that cannot be written or read back whole
    ├── SettingError            a setting or an argument out of its range
    ├── AbsentError             a concept, a picture or a class of a run that is not there
    └── MissingDependencyError  an optional package that is not installed

A message is one sentence: what was expected, what came, and what to do. The command line prints it and exits 2.
"""


class WhynetError(Exception):
    """Any error that whynet raises on purpose; its message can be shown to a user as it stands."""


class DataError(WhynetError):
    """A data set, its files or its annotations cannot be used."""


class ImageError(DataError):
    """One picture cannot be used."""


class UnrecognisedError(DataError):
    """The network recognises none of the pictures whose decision was to be explained."""


class SubjectError(WhynetError):
    """The network being explained does not fit what is asked of it."""


class TrainingError(WhynetError):
    """Training cannot start or cannot go on."""


class RewardError(TrainingError):
    """A reward model learned nothing, so that its reward would mean nothing."""


class RunError(WhynetError):
    """A run folder is absent, damaged, incomplete, or from a newer version."""


class StorageError(WhynetError):
    """A file cannot be written, or cannot be read back whole."""


class SettingError(WhynetError, ValueError):
    """A setting or an argument is out of its range."""


class AbsentError(WhynetError, LookupError):
    """What was asked for by its name or number is not there."""


class MissingDependencyError(WhynetError, ImportError):
    """An optional package is not installed."""
