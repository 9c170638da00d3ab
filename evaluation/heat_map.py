"""Heat maps of shares around 1, as SVG or PNG: a picture needs no plotting package."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from evaluation.bitmap import Bitmap, Colour

# R rows, C columns

_PLOT_WIDTH: Final = 640  # pixels that all columns may take
_CELL: Final = (4, 28)  # least and greatest side of a cell
_MARGIN: Final = 60
_LEGEND: Final = (0.0, 0.2, 0.35, 0.6, 1.0, 1.5, 2.0, 3.0)
_WHITE: Final = (255, 255, 255)
_LOW: Final = (33, 102, 172)  # blue, at a fifth and below
_HIGH: Final = (178, 24, 43)  # red, at three times and above
_NONE: Final = (32, 32, 32)  # nothing at all
_INK: Final = (34, 34, 34)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Values `[R, C]` of 0 or more, 1 being neutral, with what stands around them; NaN: no cell."""

    title: str
    x_label: str
    y_label: str
    scale_label: str
    values: npt.NDArray[np.float64] = field(repr=False)

    def write(self, path: Path) -> None:
        """Write a PNG where the name ends so, else an SVG.

        Raises:
            OSError: the file cannot be written.
        """
        picture = _draw(self)
        if path.suffix.lower() == ".png":
            path.write_bytes(picture.png())
        else:
            path.write_text(picture.svg(), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    text: str
    x: int  # middle
    y: int  # middle


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """Coloured rectangles and black text on white."""

    width: int
    height: int
    boxes: list[tuple[int, int, int, int, Colour]]  # x, y, width, height
    labels: list[_Label]

    def svg(self) -> str:
        """Return it as an SVG document."""
        size = f'viewBox="0 0 {self.width} {self.height}" font-family="sans-serif" font-size="11"'
        boxes = (
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="#{r:02x}{g:02x}{b:02x}"/>'
            for x, y, w, h, (r, g, b) in self.boxes
        )
        labels = (
            f'<text x="{one.x}" y="{one.y + 4}" text-anchor="middle">{escape(one.text)}</text>'
            for one in self.labels
        )
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        return "\n".join([head, *boxes, *labels, "</svg>\n"])

    def png(self) -> bytes:
        """Return it as a PNG file."""
        bitmap = Bitmap(self.width, self.height)
        for x, y, width, height, colour in self.boxes:
            bitmap.fill(x, y, width, height, colour)
        for one in self.labels:
            bitmap.text(one.text, one.x, one.y, _INK)
        return bitmap.png()


def colour_of(value: float) -> Colour:
    """Return white for 1, towards blue down to 0.2, towards red up to 3, nearly black for 0."""
    if value <= 0:
        return _NONE
    end, depth = (_LOW, math.log(0.2)) if value < 1 else (_HIGH, math.log(3.0))
    share = min(1.0, math.log(value) / depth)
    red, green, blue = (
        round(start + share * (stop - start)) for start, stop in zip(_WHITE, end, strict=True)
    )
    return red, green, blue


def _draw(chart: HeatMap) -> _Picture:
    rows, columns = chart.values.shape
    cell = min(max(_PLOT_WIDTH // columns, _CELL[0]), _CELL[1])
    width = max(columns * cell, 420) + 2 * _MARGIN
    bottom = _MARGIN + rows * cell
    height = bottom + 2 * _MARGIN
    middle = width // 2
    boxes = [(0, 0, width, height, _WHITE)]
    # A frame, for white cells on white paper.
    boxes += [(_MARGIN - 1, _MARGIN - 1, columns * cell + 2, rows * cell + 2, (190, 190, 190))]
    boxes += [
        (_MARGIN + column * cell, _MARGIN + row * cell, cell, cell, colour_of(value))
        for (row, column), value in np.ndenumerate(chart.values)
        if not math.isnan(value)
    ]
    labels = [
        _Label(text=chart.title, x=middle, y=18),
        _Label(text=chart.x_label, x=middle, y=_MARGIN - 28),
        _Label(text=chart.y_label, x=_MARGIN // 2, y=_MARGIN - 28),
        _Label(text=chart.scale_label, x=middle, y=height - 14),
    ]
    labels += [
        _Label(text=str(column), x=_MARGIN + column * cell + cell // 2, y=_MARGIN - 12)
        for column in _ticks(columns, cell, 24)
    ]
    labels += [
        _Label(text=str(row), x=_MARGIN - 18, y=_MARGIN + row * cell + cell // 2)
        for row in _ticks(rows, cell, 14)
    ]
    step = 48
    start = middle - step * len(_LEGEND) // 2
    for index, value in enumerate(_LEGEND):
        x, y = start + index * step, bottom + 30
        boxes += [(x, y, step, 16, (190, 190, 190)), (x + 1, y + 1, step - 2, 14, colour_of(value))]
        labels.append(_Label(text=f"{value:g}", x=x + step // 2, y=y + 28))
    return _Picture(width=width, height=height, boxes=boxes, labels=labels)


def _ticks(count: int, cell: int, room: int) -> Iterator[int]:
    """Yield the indices that get a number, so that numbers `room` pixels wide do not touch."""
    return iter(range(0, count, max(1, math.ceil(room / cell))))
