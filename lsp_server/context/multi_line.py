"""Whether a suggestion at a place may have several lines: behind a block opener, or in its body."""

_OPENERS = ("{", "(", "[", ":", "=>", "->")
_OPENING_WORDS = frozenset({"then", "do", "else", "begin", "try"})


def wants_several_lines(prefix: str, suffix: str) -> bool:
    """Decide by the cursor's line alone; the rest of the line must be blank."""
    if suffix.partition("\n")[0].strip():
        return False
    line = prefix.rpartition("\n")[2]
    words = line.split()
    if not words:
        return bool(line)
    return line.rstrip().endswith(_OPENERS) or words[-1] in _OPENING_WORDS
