"""whynet: ask a neural network why.

    import whynet
    for explanation in whynet.explain("runs/demo", ["bird.jpg"]):
        print(explanation.text)

Names are imported when they are first used, so that `import whynet` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from whynet.base.torchvision_operators import define_missing_torchvision_operators

__version__ = "0.2.0"

# Here, because Lightning and torchmetrics import a torchvision that is installed, whichever module of ours comes first.
define_missing_torchvision_operators()

if TYPE_CHECKING:
    from whynet.base.explanation import Explanation, Explanations
    from whynet.models.interpretable_conv import make_interpretable
    from whynet.models.introspection import Introspection
    from whynet.models.preprocessing import Preprocessing
    from whynet.models.subject import Subject
    from whynet.workflows.explain import explain
    from whynet.workflows.run import Run
    from whynet.workflows.subjects import open_subject

__all__ = [
    "Explanation",
    "Explanations",
    "Introspection",
    "Preprocessing",
    "Run",
    "Subject",
    "explain",
    "make_interpretable",
    "open_subject",
]

_HOMES = {
    "Explanation": "whynet.base.explanation",
    "Explanations": "whynet.base.explanation",
    "Introspection": "whynet.models.introspection",
    "Preprocessing": "whynet.models.preprocessing",
    "Run": "whynet.workflows.run",
    "Subject": "whynet.models.subject",
    "explain": "whynet.workflows.explain",
    "make_interpretable": "whynet.models.interpretable_conv",
    "open_subject": "whynet.workflows.subjects",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'whynet' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
