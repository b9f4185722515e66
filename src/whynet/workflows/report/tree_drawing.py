"""A decision tree as an SVG: branches from the left, and at each end the pictures and the parts of a mode."""

from collections.abc import Mapping, Sequence
from html import escape

from whynet.workflows.report.rendering import spaced
from whynet.workflows.report.tree_modes import NO_PART, NUM_PICTURES, Mode, Share, of_parts

ROW, TILE, STEP, LEFT = 78, 62, 34, 18
"""Pixels: height of a row, side of a picture, from layer to layer, to the first node."""
BAR_WIDTH, BAR_HEIGHT, GAP = 360, 18, 1
LEAST_TOLD = 0.05
"""Of what all filters add: parts with less are not told in words."""
NUM_COLOURS = 7
"""Parts with a colour of their own; others share grey with the filters of no part."""


def colours(parts: Sequence[str]) -> dict[str, str]:
    """The colour of each part, as a style sheet's variable; grey for what comes after the last."""
    own = {name: f"var(--layer{place})" for place, name in enumerate(list(parts)[:NUM_COLOURS])}
    return own | dict.fromkeys([*list(parts)[NUM_COLOURS:], NO_PART], "var(--layer7)")


def drawing(modes: Sequence[Mode], pictures: Mapping[int, str], palette: Mapping[str, str], *, title: str) -> str:
    """The tree of the modes, ends below each other.

    Args:
        modes: Each before its children.
        pictures: Of the fitted pictures that are shown, as addresses, by their numbers.
        palette: Of the parts.
        title: Read out to those who cannot see it.
    """
    ends = [mode.node for mode in modes if not mode.children]
    depth = max(mode.depth for mode in modes)
    tiles = LEFT + depth * STEP + 48
    bars = tiles + NUM_PICTURES * (TILE + 6) + 14
    height: dict[int, float] = {node: (place + 0.5) * ROW for place, node in enumerate(ends)}
    for mode in reversed(modes):
        if mode.children:
            height[mode.node] = sum(height[child] for child in mode.children) / len(mode.children)
    of = {mode.node: mode for mode in modes}
    width, tall = bars + BAR_WIDTH + 10, len(ends) * ROW
    parts = [
        f'<svg class="tree" viewBox="0 0 {width} {tall}" width="{width}" height="{tall}" role="img" '
        f'aria-label="{escape(title)}">'
    ]
    for mode in modes:
        x, y = LEFT + mode.depth * STEP, height[mode.node]
        for child in mode.children:
            to_x, to_y = LEFT + of[child].depth * STEP, height[child]
            parts.append(f'<path class="branch" d="M{x} {y:.1f}C{x} {to_y:.1f} {x} {to_y:.1f} {to_x} {to_y:.1f}"/>')
        if not mode.children:
            parts.append(f'<line class="branch" x1="{x}" x2="{tiles - 30}" y1="{y:.1f}" y2="{y:.1f}"/>')
    for mode in modes:
        x, y = LEFT + mode.depth * STEP, height[mode.node]
        told = _told(mode)
        parts.append(
            f'<g><title>{escape(told)}</title><circle class="node" cx="{x}" cy="{y:.1f}" r="{_radius(mode)}"/></g>'
        )
        if mode.children:
            continue
        parts.append(f'<text class="count" x="{tiles - 8}" y="{y + 5:.1f}">{mode.num_pictures}</text>')
        for place, row in enumerate(mode.pictures):
            parts.append(
                f'<image href="{pictures[row]}" x="{tiles + place * (TILE + 6)}" y="{y - TILE / 2:.1f}" '
                f'width="{TILE}" height="{TILE}" preserveAspectRatio="xMidYMid slice"/>'
            )
        parts.append(stacked(mode.shares, palette, x=float(bars), y=y - BAR_HEIGHT + 2))
        parts.append(f'<text class="told" x="{bars}" y="{y + 20:.1f}">{escape(said(mode.shares))}</text>')
    return "".join([*parts, "</svg>"])


def bar(shares: Sequence[Share], palette: Mapping[str, str]) -> str:
    """One bar of shares as an SVG of its own, as wide as there is room."""
    return (
        f'<svg class="share" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(said(shares))}">{stacked(shares, palette, x=0.0, y=0.0)}</svg>'
    )


def stacked(shares: Sequence[Share], palette: Mapping[str, str], *, x: float, y: float) -> str:
    """Shares side by side; what speaks against the class is pale."""
    parts, at = [], x
    for share in shares:
        width = abs(share.value) * BAR_WIDTH
        if width >= 2 * GAP:
            place = f'x="{at:.1f}" y="{y:.1f}" width="{width - GAP:.1f}" height="{BAR_HEIGHT}"'
            pale = "" if share.value > 0 else ' opacity="0.35"'
            told = escape(f"{share.name}, {share.part}: {spaced(f'{share.value:+.0%}')}")
            parts.append(f'<rect {place} fill="{palette[share.part]}"{pale}><title>{told}</title></rect>')
        at += width
    return "".join(parts)


def said(shares: Sequence[Share]) -> str:
    """The weightiest parts, and the weightiest filters, in words."""
    parts = [
        f"{name} {spaced(f'{value:+.0%}')}" for name, value in of_parts(shares).items() if abs(value) >= LEAST_TOLD
    ]
    alone = sorted((own for own in shares if own.is_one), key=lambda own: -abs(own.value))
    numbers = [own.name.removeprefix("filter ") for own in alone[:4]]
    if not numbers:
        return "no filter counts"
    return "; ".join(filter(None, (", ".join(parts[:4]), f"filters {', '.join(numbers)}")))


def _radius(mode: Mode) -> str:
    return f"{3 + 0.55 * mode.num_pictures**0.5:.1f}"


def _told(mode: Mode) -> str:
    pictures = "1 picture" if mode.num_pictures == 1 else f"{mode.num_pictures} pictures"
    kept = "1 filter" if mode.kept == 1 else f"{mode.kept} filters"
    return f"{pictures}, logit {mode.logit:.1f}, told by {kept}: {said(mode.shares)}"
