"""The rows of SRAE's tables with the paper's figures, what is compared, and how large everything is.

Qi, Khorram & Li, "Embedding Deep Networks into Visual Explanations", arXiv:1709.05360, tables 1(a), 2(b) and 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.concepts.search import GRIDS

_COLUMNS = ("f_reg_train", "f_reg", "f_cls_train", "f_cls", "o1", "o2", "locality")
_TABLE_1A = {
    "SRAE": (0.0831, 0.1539, 0.9999, 0.9999, 0.6141, 2.0790, 1.9694),
    "NN": (0.0657, 0.1170, 0.9999, 0.9999, 0.8851, 3.6483, 2.3078),
    "SAE": (0.0987, 0.1928, 0.9999, 0.9998, 0.7161, 2.7710, 2.1492),
    "CAE": (3.9202, 3.8216, 0.6238, 0.6721, 0.5755, 1.7585, 1.9989),
    "Lasso": (3.8039, 3.7028, 0.7182, 0.6833, 1.1407, 2.8632, 2.0941),
}
_MASKED = ("completeness_01", "completeness_05", "completeness_10", "completeness_30")
_TABLE_3 = {"SRAE": (0.8762, 0.8428, 0.7771, 0.4097), "ExcitationBP": (0.7921, 0.6742, 0.5481, 0.1832)}

ROWS: dict[str, dict[str, float]] = {
    **{row: dict(zip(_COLUMNS, figures, strict=True)) for row, figures in _TABLE_1A.items()},
    "ExcitationBP": {"locality": 2.4937},
    "c-ExcitationBP": {},
    "Z": {"locality": 1.9623},
}
"""What the paper printed, by the keys of the results files."""
for _row, _figures in _TABLE_3.items():
    ROWS[_row] |= dict(zip(_MASKED, _figures, strict=True)) | {"unmasked": 0.8798}

LASSO_SIZES = (5, 8, 21, 68, 232)
"""Most entries that Lasso may select: as many as x-features, and those of table 2(a)."""
LASSO_PAPER = {8: 3.70, 21: 2.99, 68: 1.84, 232: 1.03}
"""F_reg of table 2(a) on test pictures, by the number of entries."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """SRAE against something else, paired over class x seed.

    Args:
        key: SRAE's figure.
        other: What it is compared with.
        row: Whose figure that is.
        other_key: Its key.
        lower: Whether lower is better.
    """

    key: str
    other: str
    row: str
    other_key: str
    lower: bool


COMPARISONS = (
    *(
        Comparison(key=key, other=row, row=row, other_key=key, lower=True)
        for key in ("o1", "o2", "locality")
        for row in ("NN", "SAE")
    ),
    Comparison(key="locality", other="Z", row="Z", other_key="locality", lower=True),
    Comparison(
        key="completeness_05", other="ExcitationBP", row="ExcitationBP", other_key="completeness_05", lower=False
    ),
    Comparison(
        key="completeness_05", other="c-ExcitationBP", row="c-ExcitationBP", other_key="completeness_05", lower=False
    ),
    Comparison(
        key="completeness_05", other="ExcitationBP, as many pixels", row="SRAE", other_key="rival_at_area_05",
        lower=False,
    ),
    *(
        Comparison(key=key, other=other, row="SRAE", other_key=other_key, lower=False)
        for key, other, other_key in (
            ("causal_named", "another part", "causal_other"),
            ("causal_named", "the largest part", "causal_blind"),
            ("causal_own", "the parts of other x-features", "causal_rival"),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SRAEScale:
    """How large everything is, for one data set; smaller and shorter than in the paper, to be done in an hour or two.

    Args:
        layer: Z.
        map_layer: Where heat maps lie; None: `map_layer_before`.
        hidden: Of the encoder; the paper's 800-100 for a layer of 4,096 entries.
        fit: How long modules are trained.
        stability_seeds: Modules of each class, from different beginnings.
        classifier: How the network is trained.
        data: Settings of the data that are other than usual.
        rows: Candidates of the search by row; None: `GRIDS`.
    """

    layer: str = "hidden.0"
    map_layer: str | None = None
    hidden: str = "200-50"
    fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=30))
    stability_seeds: int = 3
    classifier: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Sequence[ModuleSettings]] | None = None

    def grids(self) -> dict[str, list[ModuleSettings]]:
        """The candidates of each row, with this encoder."""
        return {
            row: [replace(settings, hidden=self.hidden) for settings in grid]
            for row, grid in (self.rows or GRIDS).items()
        }


_MANY_PICTURES = SRAEScale(classifier={"epochs": 18, "batch_size": 64, "plateau_patience": 1}, data={"image_size": 96})
SCALES = {"birds": _MANY_PICTURES, "cub": SRAEScale(), "animal_parts": _MANY_PICTURES}
