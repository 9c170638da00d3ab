"""Fill-in-the-middle layouts: where the markers stand between the parts of a prompt."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from inference.errors import ModelDirectoryError

FimStyle: TypeAlias = Literal["spm", "psm", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Markers:
    """A model's marker ids and the layout it was trained on.

    Raises:
        ModelDirectoryError: the style asks for a marker that is missing.
    """

    style: FimStyle
    prefix: int | None = None
    suffix: int | None = None
    middle: int | None = None
    file_sep: int | None = None  # None: prompts carry no file header
    start: int = 0  # begins a prompt that would be empty

    def __post_init__(self) -> None:
        if self.style != "none" and None in {self.prefix, self.suffix, self.middle}:
            raise ModelDirectoryError(
                f"expected ids of the prefix, suffix and middle markers for the FIM style"
                f" {self.style!r}, found {self.prefix}, {self.suffix}, {self.middle};"
                " correct `fim` in manifest.json or export the model again"
            )

    def num_markers(self, *, fills: bool) -> int:
        """Return how many marker tokens `render` adds."""
        return 3 if fills and self.style != "none" else 0

    def render(
        self, header: list[int], prefix: list[int], suffix: list[int], *, fills: bool
    ) -> list[int]:
        """Join the parts of a prompt, each encoded on its own.

        Args:
            header: file names and snippets, their markers included.
            prefix: what stands before the cursor.
            suffix: what stands behind it.
            fills: False where nothing but blanks stands behind the cursor: the text just goes on.
        """
        if self.style == "none" or not fills:
            return header + prefix or [self.start]
        assert self.prefix is not None  # noqa: S101 - __post_init__ has checked all three
        assert self.suffix is not None  # noqa: S101
        assert self.middle is not None  # noqa: S101
        if self.style == "psm":
            return [*header, self.prefix, *prefix, self.suffix, *suffix, self.middle]
        # The suffix stands before the prefix, so that typing changes only the prompt's end.
        return [*header, self.prefix, self.suffix, *suffix, self.middle, *prefix]
