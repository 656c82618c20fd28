"""What is shown where the encoding of a terminal, or of a pipe, lacks a character."""

import codecs
import sys

# What a terminal of few characters is shown instead of ours.
_PLAINER = {
    "…": "...",
    **dict.fromkeys("█▉▊▋", "#"),
    "▌": "=",
    **dict.fromkeys("▍▎▏━╸╺·", "-"),
    "→": "->",
    "✓": "ok",
    "•": "*",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"'),
}
_PLAINER_ERRORS = "hfsvc.plainer"


def show_plainer_what_cannot_be_shown() -> None:
    """Let both streams show something like it where their encoding lacks a character, instead of failing."""
    codecs.register_error(_PLAINER_ERRORS, _plainer)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=_PLAINER_ERRORS)


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        # A byte of a file's name that is no text: it goes out as it came in.
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _PLAINER.get(character, "?"), error.start + 1
