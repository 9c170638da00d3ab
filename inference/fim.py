"""Fill-in-the-middle layouts: where the markers stand between the parts of a prompt."""

from inference.manifest import FimMarkers


def num_markers(markers: FimMarkers, *, fills: bool) -> int:
    """Return how many marker tokens `render` adds to a prompt that fills a gap, or just goes on."""
    return 3 if fills and markers.style != "none" else 0


def holds_back_line(markers: FimMarkers) -> bool:
    """Say whether the middle marker stands behind the prefix.

    There the cursor's line goes behind the marker: typing then changes the prompt's end alone, and
    a word that has begun is the last thing that the model reads.
    """
    return markers.style in {"psm", "suffix_first"}


def render(
    markers: FimMarkers,
    *,
    header: list[int],
    prefix: list[int],
    suffix: list[int],
    fills: bool,
    line: list[int] | None = None,
) -> list[int]:
    """Join the parts of a prompt, each encoded on its own.

    Args:
        markers: of the model; read from a manifest, so all of them are there unless the style is
            "none".
        header: file names and snippets, their separators included.
        prefix: what stands before the cursor.
        suffix: what stands behind it.
        fills: False where nothing but blanks stands behind the cursor: the text just goes on.
        line: the end of the prefix that goes behind the middle marker, see `holds_back_line`.
    """
    opening, gap, filling = markers.prefix, markers.suffix, markers.middle
    if not fills or opening is None or gap is None or filling is None or markers.style == "none":
        return header + prefix + (line or [])
    if markers.style == "suffix_first":
        return [*header, gap, *suffix, opening, *prefix, filling, *(line or [])]
    if markers.style == "psm":
        return [*header, opening, *prefix, gap, *suffix, filling, *(line or [])]
    # The suffix stands before the prefix, so that typing changes only the prompt's end.
    return [*header, opening, gap, *suffix, filling, *prefix, *(line or [])]
