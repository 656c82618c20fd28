"""Open files: as many connections as the system lets the process have, and some left for the data."""

import sys
from contextlib import suppress

# For files of data, of the process itself, and for connections that are about to be turned away.
SPARE = 256


def connections_within(allowed: int, wanted: int) -> int:
    """How many connections there may be, where a process may have so many files open. Pure."""
    return min(wanted, max(allowed // 2, allowed - SPARE))


def allow_open_files(wanted: int) -> int:
    """Have the process allowed so many open files, or as many as the system gives; how many there may be now."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_enough(soft, wanted):
        return wanted
    more = wanted if _is_enough(hard, wanted) else hard
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        return more
    return soft


def _is_enough(limit: int, wanted: int) -> bool:
    # Below 0 there is no limit.
    return limit < 0 or limit >= wanted
