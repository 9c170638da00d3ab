"""A flag that one thread raises and the generation's thread looks at between two steps."""


class CancelToken:
    """Raised once, never lowered; reading it costs an attribute access, so every token may ask."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False  # a plain bool: reads and writes of one are atomic in Python

    def cancel(self) -> None:
        """Ask the work that holds this token to stop at its next step."""
        self.cancelled = True
