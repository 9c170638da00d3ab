"""Why an edit is not offered; each reason is counted in the log and by `mixline eval fixes`."""

from enum import StrEnum


class Refusal(StrEnum):
    """A refusal is a value: the search goes on with the next candidate."""

    IMPOSSIBLE = "impossible"  # outside of the document, or its changes overlap
    NOTHING = "nothing"  # the text stays as it is
    CONFIGURATION = "configuration"  # of a checker: the rule would be changed, not the fault
    SUPPRESSES = "suppresses"  # a comment that silences the checker
    HIDES = "hides"  # characters that nobody sees
    DELETES = "deletes"  # a statement, or makes it a comment
    DEFINES = "defines"  # the missing name
    NO_SUCH_MODULE = "no_such_module"  # is imported
    BREAKS_SYNTAX = "breaks_syntax"
    STILL_THERE = "still_there"  # the diagnostic
    ADDS = "adds"  # another diagnostic
    FAILED = "failed"  # the checker did not end normally on the edited copy
