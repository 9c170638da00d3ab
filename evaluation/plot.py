"""Lines over one axis as an SVG file, written by hand: a plot needs no plotting package."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 640
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 50, 50  # margins in pixels
TICKS: Final = 5
COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One named line; x and y of equal length, at least one point."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_plot(
    title: str,
    x_label: str,
    y_label: str,
    lines: Sequence[Line],
    *,
    names_below: bool = False,
) -> str:
    """Return an SVG document; both axes begin at 0.

    Args:
        title: above the plot.
        x_label: below it.
        y_label: at the vertical axis.
        lines: at least one.
        names_below: the lines' names stand at the horizontal axis, where no line is near it.
    """
    names_y = HEIGHT - BOTTOM - 16 * len(lines) - 10 if names_below else TOP
    x_end = _round_up(max(max(line.x) for line in lines))
    y_end = _round_up(max(max(line.y) for line in lines))

    def at_x(value: float) -> float:
        return LEFT + value / x_end * (WIDTH - LEFT - RIGHT)

    def at_y(value: float) -> float:
        return HEIGHT - BOTTOM - value / y_end * (HEIGHT - TOP - BOTTOM)

    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(WIDTH / 2, 20, title, "middle"),
        _text(WIDTH / 2, HEIGHT - 12, x_label, "middle"),
        _text(LEFT, TOP - 10, y_label, "middle"),
    ]
    for tick in range(TICKS + 1):
        x, y = x_end * tick / TICKS, y_end * tick / TICKS
        parts += [
            f'<path d="M{LEFT} {at_y(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            _text(LEFT - 6, at_y(y) + 4, f"{y:g}", "end"),
            _text(at_x(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle"),
        ]
    for index, line in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        points = [(at_x(x), at_y(y)) for x, y in zip(line.x, line.y, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(_text(LEFT + 12, names_y + 16 * (index + 1), line.name, "start", colour))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _round_up(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power < value:
        power *= 10
    while power / 10 >= value:
        power /= 10
    return next(power / part for part in (5, 2, 1) if power / part >= value)
