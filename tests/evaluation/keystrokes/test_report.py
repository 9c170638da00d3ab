"""What the figures of a session of typing are made of."""

from evaluation.keystrokes.passages import Size
from evaluation.keystrokes.record import Record, Sight
from evaluation.keystrokes.report import side_report


def test_saved_keys_are_told_gross_and_net() -> None:
    """Net of what was read and wrong, and of all that was shown and wrong: a key for each."""
    sights = [
        Sight(characters=9, agreeing=9, right=True, read=True, accepted=True, keys_saved=8),
        Sight(characters=9, agreeing=5, right=False, read=True, keys_saved_in_part=4),
        Sight(characters=9, agreeing=0, right=False),
        Sight(characters=9, agreeing=9, right=True),
    ]
    records = {size: Record() for size in Size}
    records[Size.ORDINARY] = Record(keys=40, keys_without=50, sights=sights)

    side = side_report("a", records, count_tokens=len, idle_cpu_share=0.0, peak_memory_mb=0.0)

    assert (side.suggestions, side.right_rate, side.read, side.read_wrong) == (4, 0.5, 2, 1)
    assert (side.saved_share, side.saved_share_in_part) == (0.24, 0.08)
    assert (side.net_saved_share, side.net_saved_share_of_shown) == (0.22, 0.2)
