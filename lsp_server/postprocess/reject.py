"""Why nothing is shown; each reason is counted in the log and in `mixline/status`."""

from enum import StrEnum


class RejectReason(StrEnum):
    """A refusal is a value: the handler answers with an empty list and the log names it."""

    EMPTY = "empty"  # the model had nothing to add
    BLANK = "blank"  # only white space
    REPEATS_SUFFIX = "repeats_suffix"  # what follows the cursor says it already
    UNPRINTABLE = "unprintable"  # broken or invisible characters
    SPECIAL_TOKEN = "special_token"  # noqa: S105 - a marker of the model, spelled out
    BREAKS_SYNTAX = "breaks_syntax"  # the file would have a syntax error that it has not now
    LOW_CONFIDENCE = "low_confidence"  # below the gate's threshold
    MID_LINE = "mid_line"  # automatic, and words stand behind the cursor
    NOT_IN_ENTRY = "not_in_entry"  # cannot continue the entry selected in the editor's list
    NOT_READY = "not_ready"  # no complete line before the time to answer was over
    SUPERSEDED = "superseded"  # a newer request or an edit came
    SECRET = "secret"  # noqa: S105 - a file on the secrets list
    DISABLED = "disabled"  # by a setting
    UNKNOWN_DOCUMENT = "unknown_document"  # never opened
    LOADING = "loading"
    FAILED = "failed"  # the engine could not load or could not complete
