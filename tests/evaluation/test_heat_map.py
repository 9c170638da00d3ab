"""Heat maps: a cell for every value, colours that order them, and the same picture twice."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from evaluation.heat_map import HeatMap, colour_of

SVG = "{http://www.w3.org/2000/svg}"


def chart(values: np.ndarray) -> HeatMap:
    return HeatMap(
        title="a < b", x_label="expert", y_label="layer", scale_label="share", values=values
    )


def test_colours_order_the_values() -> None:
    """White is even; more is redder, less is bluer, nothing at all is dark."""
    assert colour_of(1.0) == (255, 255, 255)
    above = [colour_of(value)[2] for value in (1.0, 1.2, 2.0, 3.0)]  # blue fades
    below = [colour_of(value)[0] for value in (1.0, 0.8, 0.4, 0.2)]  # red fades
    assert above == sorted(above, reverse=True)
    assert below == sorted(below, reverse=True)
    assert len(set(above)) == len(set(below)) == 4
    assert colour_of(30.0) == colour_of(3.0)
    assert colour_of(1e-9) == colour_of(0.2)
    assert max(colour_of(0.0)) < 64


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (6, 16), (48, 128), (2, 512)])
def test_every_value_has_a_cell_inside_the_picture(tmp_path: Path, rows: int, columns: int) -> None:
    """From one expert to hundreds; a missing one leaves its place empty."""
    values = np.linspace(0.1, 2.9, rows * columns).reshape(rows, columns)
    values[-1, -1] = math.nan if columns > 1 else 1.0
    chart(values).write(tmp_path / "map.svg")
    root = ET.parse(tmp_path / "map.svg").getroot()  # noqa: S314 - our own document
    _, _, width, height = map(int, root.attrib["viewBox"].split())
    boxes = root.findall(f"{SVG}rect")
    cells = int(np.isfinite(values).sum())
    texts = [text.text for text in root.findall(f"{SVG}text")]

    # Paper, frame, two boxes for each of eight steps of the legend.
    assert len(boxes) == cells + 2 + 2 * 8
    for box in boxes:
        x, y, w, h = (int(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
    assert {"a < b", "expert", "layer", "share", "0", "3"} <= set(texts)


def test_png_and_svg_have_the_same_size(tmp_path: Path) -> None:
    """The name's end decides."""
    for name in ("map.svg", "map.PNG"):
        chart(np.ones((3, 4))).write(tmp_path / name)
    root = ET.parse(tmp_path / "map.svg").getroot()  # noqa: S314 - our own document
    png = (tmp_path / "map.PNG").read_bytes()

    assert png[1:4] == b"PNG"
    size = [int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")]
    assert [int(part) for part in root.attrib["viewBox"].split()[2:]] == size
