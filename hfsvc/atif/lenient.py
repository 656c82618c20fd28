"""Numbers and booleans as Harbor reads them: what pydantic's default mode makes of values of another JSON type.

A writer's ``"1"``, ``1.0`` and ``true`` all pass as the integer 1. Each function returns the value, or None where Harbor
would refuse. The grammars are pydantic-core's (2.50), which are neither Python's nor those of msgspec's lenient mode.
"""

import re
import string

# Rust's White_Space: str.strip() would also take \x1c to \x1f away, which pydantic refuses.
_BLANKS = string.whitespace + "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

_DIGITS = "[1-9](?:_?[0-9])*"
_INTEGER = re.compile(rf"([+-]?)(?:0[0_]*)?({_DIGITS})(?:\.0+)?")
_ZERO = re.compile(r"[+-]?0(?:[0_]*0)?(?:\.0+)?")
# pydantic drops leading zeros before it looks for a sign, so "0-1" is -1 to it.
_SIGN_AFTER_ZERO = re.compile(rf"\+?0[0_]*(-)_?({_DIGITS}|0)(?:\.0+)?")
_MAX_DIGITS = 4300

_NUMBER = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE | re.ASCII
)

_FALSE = {"0", "f", "n", "no", "off", "false"}
_TRUE = {"1", "t", "y", "on", "yes", "true"}

_I64 = float(2**63)


def read_int(value: object) -> int | None:
    """Integers of any size, booleans, whole floats inside 64 bits, and their texts (no exponent)."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() and -_I64 < value < _I64 else None
    return _int_from_text(value.strip(_BLANKS)) if isinstance(value, str) else None


def _int_from_text(text: str) -> int | None:
    if _ZERO.fullmatch(text):
        return 0
    match = _INTEGER.fullmatch(text) or _SIGN_AFTER_ZERO.fullmatch(text)
    if match is None:
        return None
    digits = match[2].replace("_", "")
    return int(match[1] + digits) if len(digits) <= _MAX_DIGITS else None


def read_float(value: object) -> float | None:
    """Numbers that fit a float, booleans, and their texts, ``nan`` and ``inf`` among them."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return _float_from_text(value) if isinstance(value, str) else None


def _float_from_text(text: str) -> float | None:
    if _NUMBER.fullmatch(text.strip(_BLANKS)):
        return float(text.strip(_BLANKS))
    # Only the untrimmed text may have underscores, and any single one inside will do: "1_.0" passes, " 1_0" does not.
    if text.startswith("_") or text.endswith("_") or "__" in text:
        return None
    bare = text.replace("_", "")
    return float(bare) if _NUMBER.fullmatch(bare) else None


def read_bool(value: object) -> bool | None:
    """Booleans, the numbers 0 and 1, and words such as ``yes`` and ``off`` in any case."""
    if isinstance(value, str):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    return None
