"""Ghost text drawn into its surroundings."""

from mixline.render import ghost_view


def test_single_line_stands_at_the_cursor() -> None:
    """The text right of the cursor follows the ghost text."""
    assert ghost_view(["f(a)"], 0, 3, ", b", colour=False) == "     1  f(a⟦, b⟧)"


def test_further_lines_are_marked_and_the_rest_follows_the_last() -> None:
    """Only the document's own lines are numbered."""
    view = ghost_view(["def f():", "x"], 0, 8, "\n    pass\n", colour=False)

    assert view.split("\n") == [
        "     1  def f():⟦⟧",
        "     +  ⟦    pass⟧",
        "     +  ⟦⟧",
        "     2  x",
    ]


def test_replaced_characters_are_left_out() -> None:
    """An absorbed bracket is not shown twice."""
    assert ghost_view(["f(a)"], 0, 3, ", b)", replaced=1, colour=False) == "     1  f(a⟦, b)⟧"
