"""Several lines are asked for behind block openers and on empty indented lines, else one."""

import pytest

from lsp_server.context.multi_line import wants_several_lines


@pytest.mark.parametrize(
    ("prefix", "suffix", "several"),
    [
        ("def f():", "", True),
        ("def f():", "\nx", True),
        ("def f():\n    ", "\n", True),
        ("int main() {", "\n}", True),
        ("if true; then", "\n", True),
        ("x = [", "\n]", True),
        ("x = f(", ")", False),
        ("x = 1", "\n", False),
        ("", "", False),
        ("a\n", "\nb", False),
        ("x = {", "}", False),
        ("weather", "", False),
    ],
)
def test_the_rule(prefix: str, suffix: str, several: bool) -> None:
    """Decided by the cursor's line alone."""
    assert wants_several_lines(prefix, suffix) is several
