"""The parts of a painted bird: the names of CUB-200-2011, and the labels used while painting."""

PART_NAMES = (
    "back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing", "nape", "right eye",
    "right leg", "right wing", "tail", "throat",
)  # fmt: skip
"""The parts of CUB-200-2011, in its order."""
LABELS = {name: number for number, name in enumerate(PART_NAMES, start=1)} | {
    "crest": 16, "eyebrow": 17, "eye ring": 18, "wing bars": 19, "tail tip": 20, "down": 21,
}  # fmt: skip
"""Labels while painting: the parts, then the marks that count as a part's own pixels in the end."""


MARK_HOSTS = {"crest": "crown", "eyebrow": "crown", "tail tip": "tail"}
"""The part whose pixels a mark's are in the end; an eye ring and wing bars belong to the side that is seen."""
