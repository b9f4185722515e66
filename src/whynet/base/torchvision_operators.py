"""Two operator schemas without which a CUDA build of torchvision cannot be imported beside a CPU build of torch.

The torchvision on PyPI is linked against torch's CUDA libraries. Where torch was built for the CPU, torchvision's
compiled operators do not load, and the first thing its Python side does is to describe two of them to torch:

    import torchvision  ->  RuntimeError: operator torchvision::nms does not exist

Lightning, torchmetrics and timm import torchvision wherever it is installed, so they fail with it. Declaring the two
schemas first cures all of them. The declared operators have no kernel: calling `torchvision.ops.nms` still fails and
says why. A torchvision whose operators load is left alone; its own library is merely loaded a little earlier.
"""

import importlib.machinery
import importlib.util
import sys
from threading import Lock

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_lock = Lock()
# Torch forgets a schema as soon as the library object that declared it is collected.
_declared: list[torch.library.Library] = []


def define_missing_torchvision_operators() -> bool:
    """Declare torchvision's `nms` and `qnms` if torchvision is installed and its own operators cannot be loaded.

    Call it before the first import of torchvision, Lightning, torchmetrics or timm. It does not import torchvision,
    may be called any number of times from any thread, and does nothing where torchvision is absent, healthy or
    already imported.

    Returns:
        Whether the schemas in use are the ones declared here.
    """
    with _lock:
        if not _declared and "torchvision" not in sys.modules:
            spec = importlib.util.find_spec("torchvision")
            if spec is not None and not _operators_load(list(spec.submodule_search_locations or [])):
                _declare([schema for name, schema in _SCHEMAS.items() if not hasattr(torch.ops.torchvision, name)])
        return bool(_declared)


def _operators_load(folders: list[str]) -> bool:
    """Load the compiled library `_C` of the package in `folders`, as torchvision itself does; say whether it worked."""
    loader = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    for folder in folders:
        spec = importlib.machinery.FileFinder(folder, loader).find_spec("_C")
        if spec is not None and spec.origin is not None:
            try:
                torch.ops.load_library(spec.origin)  # type: ignore[no-untyped-call]
            except OSError:
                return False
            return True
    return False


def _declare(schemas: list[str]) -> None:
    if not schemas:  # someone else has declared them
        return
    # A fragment, since the namespace may exist already; "DEF" would insist on being the first.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in schemas:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
