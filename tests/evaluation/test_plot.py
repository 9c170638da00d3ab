"""Plots are well-formed SVG whose points lie inside the frame."""

from xml.etree import ElementTree as ET

import pytest

from evaluation.plot import HEIGHT, WIDTH, Line, line_plot

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 137.0, 1e6])
def test_every_point_is_drawn_inside_the_frame(scale: float) -> None:
    """Whatever the scale, one circle a point, and larger values stand higher."""
    line = Line(name="a < b", x=(1, 2, 3), y=(0.0, scale / 2, scale))
    root = ET.fromstring(line_plot("t", "x", "y", [line]))  # noqa: S314 - our own document
    circles = root.findall(f"{SVG}circle")
    heights = [float(circle.attrib["cy"]) for circle in circles]

    assert len(circles) == 3
    assert all(0 < float(circle.attrib["cx"]) < WIDTH for circle in circles)
    assert all(0 < height < HEIGHT for height in heights)
    assert heights == sorted(heights, reverse=True)
    assert "a < b" in [text.text for text in root.findall(f"{SVG}text")]
