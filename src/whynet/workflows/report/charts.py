"""Drawings of the report as SVG: training curves, and bars with whiskers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from whynet.workflows.report.rendering import spaced

WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 30


def round_ticks(low: float, high: float) -> tuple[list[float], int]:
    """Four to six round numbers, 1, 2 or 5 times a power of ten apart, that hold a range, and their decimals."""
    size = (high - low) / 5
    power = math.floor(math.log10(size))
    step = next(unit for unit in (1, 2, 5, 10) if unit * 10.0**power >= size * (1 - 1e-9)) * 10.0**power
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * count for count in range(first, last + 1)], max(0, -math.floor(math.log10(step) + 1e-9))


def curves(history: Sequence[dict[str, float]], names: dict[str, str], *, title: str, in_percent: bool = False) -> str:
    """Figures by epoch as an SVG.

    Args:
        history: One row an epoch; `epoch` counts from 0.
        names: Figures to draw, with what the legend calls them; the first is the strong line.
        title: Read out to those who cannot see it.
        in_percent: Whether the figures are shares, shown in percent.
    """
    series = {label: [row[key] for row in history if key in row] for key, label in names.items()}
    factor, unit = (100, "\N{NO-BREAK SPACE}%") if in_percent else (1, "")
    values = [factor * value for line in series.values() for value in line if math.isfinite(value)]
    low, high = min(0.0, *values), max(values, default=0.0)
    ticks, decimals = round_ticks(low, high if high > low else low + 1)
    low, high = ticks[0], ticks[-1]
    last = max(len(history) - 1, 1)

    def x(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * epoch / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    parts = [f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y(tick) + 4:.1f}">{tick:.{decimals}f}{unit}</text>')
    for epoch in sorted({0, last // 2, last}):
        parts.append(f'<text class="tick mid" x="{x(float(epoch)):.1f}" y="{HEIGHT - 12}">{epoch + 1}</text>')
    for number, line in enumerate(series.values()):
        points = " ".join(f"{x(float(epoch)):.1f},{y(factor * value):.1f}" for epoch, value in enumerate(line))
        parts.append(f'<polyline class="line line{number}" points="{points}"/>')
        if len(line) == 1:
            parts.append(f'<circle class="dot dot{number}" cx="{x(0.0):.1f}" cy="{y(factor * line[0]):.1f}" r="3"/>')
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A share in [0, 1] with its interval, drawn in the style of its kind."""

    kind: str
    share: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """Bars side by side, what they are of, and how many that were."""

    name: str
    beside: str
    bars: Sequence[Bar]


def intervals(groups: Sequence[Group], *, title: str) -> str:
    """Horizontal bars with whiskers as an SVG.

    Args:
        groups: From top to bottom.
        title: Read out to those who cannot see it.
    """
    left, right, bar, gap, head = 4, 44, 15, 16, 22
    highest = max((bar.high for group in groups for bar in group.bars), default=1.0)
    step = 0.05 if highest <= 0.2 else 0.1 if highest <= 0.5 else 0.2
    ticks = [step * count for count in range(math.ceil(highest / step - 1e-9) + 1)]
    full = max(ticks[-1], step)
    height = sum(head + bar * len(group.bars) + gap for group in groups) + 24

    def x(share: float) -> float:
        return left + (WIDTH - left - right) * share / full

    parts = [f'<svg class="intervals" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{head}" y2="{height - 24}"/>')
        anchor = "mid" if tick else "start"
        parts.append(
            f'<text class="tick {anchor}" x="{x(tick):.1f}" y="{height - 8}">{100 * tick:.0f}\N{NO-BREAK SPACE}%</text>'
        )
    top = 0
    for group in groups:
        parts.append(f'<text class="label" x="{left}" y="{top + 15}">{escape(group.name)}')
        parts.append(f'<tspan class="beside" dx="6">{escape(group.beside)}</tspan></text>')
        top += head
        for one in group.bars:
            middle = top + bar / 2
            hint = spaced(f"{group.name}, {one.kind} part: {one.share:.1%}, between {one.low:.1%} and {one.high:.1%}")
            parts.append(
                f'<rect class="bar {one.kind}" x="{left}" y="{top + 1}" width="{x(one.share) - left:.1f}" '
                f'height="{bar - 2}" rx="2"><title>{escape(hint)}</title></rect>'
            )
            parts.append(f'<path class="whisker" d="M{x(one.low):.1f} {middle}H{x(one.high):.1f}"/>')
            for end in (one.low, one.high):
                parts.append(f'<path class="whisker" d="M{x(end):.1f} {middle - 3}v6"/>')
            beyond = x(max(one.high, one.share)) + 7
            share = f"{100 * one.share:.0f}\N{NO-BREAK SPACE}%"
            parts.append(f'<text class="value" x="{beyond:.1f}" y="{middle + 4.5}">{share}</text>')
            top += bar
        top += gap
    return "".join([*parts, "</svg>"])
