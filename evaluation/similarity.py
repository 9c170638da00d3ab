"""Edit similarity of two lines: how much of the longer one needs no edit."""


def edit_distance(one: str, other: str) -> int:
    """Return Levenshtein's distance: insertions, deletions and replacements of characters."""
    row = list(range(len(other) + 1))
    for above, left in enumerate(one):
        corner, row[0] = row[0], above + 1
        for column, top in enumerate(other, start=1):
            changed = corner + (left != top)
            corner = row[column]
            row[column] = min(changed, corner + 1, row[column - 1] + 1)
    return row[-1]


def edit_similarity(one: str, other: str) -> float:
    """Return 1 - distance / length of the longer; 1 for two empty lines."""
    if one == other:
        return 1.0
    return 1.0 - edit_distance(one, other) / max(len(one), len(other))
