"""The rows of InterpNET's table 1: which activations the decoder reads.

Barratt 2017, arXiv:1710.09511, section 3.2. The last row is its baseline, "Generating Visual Explanations" (Hendricks
et al. 2016, arXiv:1603.08507): the image feature and an embedding of the class.

Differs from the paper: the size of the third hidden layer of InterpNET(3) is not published; we take 200.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of table 1.

    Args:
        hidden: Sizes of the classifier's hidden layers.
        layers: Layers of the classifier that r(x) holds, by the names of `ConvNet`.
        probabilities: Whether r(x) holds the class probabilities.
        class_embedding: Whether an embedding of the class follows, and the sentence's class earns a reward in training.
    """

    hidden: tuple[int, ...]
    layers: tuple[str, ...]
    probabilities: bool = True
    class_embedding: bool = False


VARIANTS = {
    "interpnet0": Variant(hidden=(500,), layers=()),
    "interpnet1": Variant(hidden=(500,), layers=("feature", "hidden.0")),
    "interpnet2": Variant(hidden=(500, 300), layers=("feature", "hidden.0", "hidden.1")),
    "interpnet3": Variant(hidden=(500, 300, 200), layers=("feature", "hidden.0", "hidden.1", "hidden.2")),
    "captioning": Variant(hidden=(500,), layers=("feature",), probabilities=False),
    "gve": Variant(hidden=(500,), layers=("feature",), probabilities=False, class_embedding=True),
}
"""InterpNET(0) sees the class probabilities alone, Captioning the feature alone, the others all activations."""

VARIANT_NAMES = {
    "interpnet0": "InterpNET(0)",
    "interpnet1": "InterpNET(1)",
    "interpnet2": "InterpNET(2)",
    "interpnet3": "InterpNET(3)",
    "captioning": "Captioning",
    "gve": "Generating Visual Explanations",
}
"""What tables and reports call them."""
