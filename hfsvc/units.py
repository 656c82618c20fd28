"""Sizes of bytes as people read them."""


def format_free(count: int | None) -> str:
    """Room on a disk for people; None is what it does not tell."""
    return "an unknown amount" if count is None else format_bytes(count)


def format_bytes(count: int) -> str:
    """A size for people: decimal units, as the Hub's pages show them (``109.7 MB``)."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
