"""Names of a suggestion that mean nothing where it stands."""

from collections.abc import Callable

import pytest

from lsp_server.syntax.guard import SyntaxGuard

pytestmark = pytest.mark.usefixtures("patient_parser")

GuardAt = Callable[[str, str], SyntaxGuard]

FILE = """\
import os.path as path
from typing import Any

LIMIT = 3

class Shop:
    default = 1

    def sell(self, thing, *, price=2):
        total = price * LIMIT
        |

    def close(self, reason):
        self.reason = reason

def helper(argument):
    return argument
"""


@pytest.mark.parametrize(
    "text",
    [
        "return total",
        "return helper(thing)",
        "raise ValueError(f'{total} of {LIMIT}')",
        "self.anything.whatever(price=total)",
        "rest = total - 1\n        return rest",
        "for item in thing: print(item)",
        "return [x for x in thing if x]",
        "return sorted(thing, key=lambda one: one.name)",
        "from somewhere import other",
        "import numpy as np; np.zeros(3)",
        "with open(path.join('a', thing)) as stream:",
        "def nested(value: Any) -> None: return value",
        "try: pass\n        except OSError as error: raise Exception from error",
        "match thing:\n            case Shop(default=found): return found",
        "return 'reason'",
        "total += 1  # reason",
        "return __name__",
        "if thing := helper(1): return thing",
    ],
)
def test_what_is_bound_is_known(guard_at: GuardAt, text: str) -> None:
    """In the module, around the cursor, in the suggestion, or in every Python."""
    assert not guard_at("python", FILE).is_undefined(text)


@pytest.mark.parametrize(
    "text",
    [
        "return reason",  # of another method
        "return argument",  # of another function
        "return default",  # of the class, which a method does not see
        "return numpy.zeros(3)",
        "helper(amount)",
        "thing.sell(price=amount)",
        "return f'{amount}'",
        "@decorated\n        def f(): pass",
        "total = 1\n        return amount",
    ],
)
def test_what_is_bound_nowhere_is_found(guard_at: GuardAt, text: str) -> None:
    """Also in f-strings and arguments."""
    assert guard_at("python", FILE).is_undefined(text)


def test_a_name_that_is_typed_in_part_is_judged_whole(guard_at: GuardAt) -> None:
    """The suggestion completes it."""
    at = guard_at("python", FILE.replace("|", "return tot|"))

    assert not at.is_undefined("al")
    assert at.is_undefined("ality")


def test_nothing_is_known_of_other_files(guard_at: GuardAt) -> None:
    """Behind a star import, in other languages, and without a grammar."""
    assert not guard_at("python", f"from a import *\n{FILE}").is_undefined("return amount")
    assert not guard_at("javascript", "let a = |;\n").is_undefined("amount")
    assert not guard_at("lua", "x = |\n").is_undefined("amount")
