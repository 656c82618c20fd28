"""Values of another type that Harbor converts, and those it does not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.atif.lenient import read_bool, read_float, read_int

LONG = "9" * 4300

INTEGERS: dict[object, int | None] = {
    "1": 1, " 1 ": 1, "1.0": 1, "1.00": 1, "+1": 1, "-1": -1, "01": 1, "-01": -1, "1_0": 10, "0_1": 1, "1_000.0": 1000,
    "0": 0, "00": 0, "-0": 0, "0.0": 0, "0_0": 0, "1\n": 1, "\u00a01": 1, "0-1": -1, LONG: int(LONG), "0" * 5000 + "1": 1,
    "": None, " ": None, "1.": None, ".0": None, "1.5": None, "1e2": None, "0x1": None, "1_": None, "_1": None, "1__0": None,
    "--1": None, "+-1": None, "- 1": None, "1._0": None, "\uff11": None, "\x1c1": None, "\u200b1": None, "1,0": None,
    "true": None, "nan": None, "-0-1": None, "0_": None, "0_.0": None, LONG + "9": None,
    1: 1, 10**30: 10**30, 2.0: 2, -0.5: None, 1e18: 10**18, 2.0**63: None, -(2.0**63): None, math.inf: None,
}  # fmt: skip

NUMBERS: dict[object, float | None] = {
    "1": 1.0, " 1 ": 1.0, "1.": 1.0, ".5": 0.5, "+.5": 0.5, "1e2": 100.0, "1E+2": 100.0, "inf": math.inf, "-Infinity": -math.inf,
    "1e400": math.inf, "1_0": 10.0, "1_.0": 1.0, "1e_2": 100.0, "._5": 0.5, "\u30001": 1.0,
    "": None, ".": None, "1e": None, "e5": None, "0x1": None, "1_": None, "1__0": None, " 1_0": None, "infin": None, "1f": None,
    "\uff11": None, "\x1f1": None, "true": None, "1,0": None, "--1": None,
    1: 1.0, 10**308: 1e308, 10**309: None, -0.5: -0.5,
}  # fmt: skip

BOOLEANS: dict[object, bool | None] = {
    **dict.fromkeys(("1", "t", "T", "y", "on", "ON", "yes", "true", "tRuE", 1, 1.0), True),
    **dict.fromkeys(("0", "f", "N", "no", "off", "False", 0, -0.0), False),
    **dict.fromkeys(("", " true", "true ", "2", "1.0", "00", "enable", 2, -1, 0.5, math.nan, 10**30)),
}


@pytest.mark.parametrize(("value", "wanted"), INTEGERS.items(), ids=lambda value: ascii(value)[:20])
def test_integers(value: object, wanted: int | None) -> None:
    assert read_int(value) == wanted
    assert type(read_int(value)) in {int, type(None)}


@pytest.mark.parametrize(("value", "wanted"), NUMBERS.items(), ids=lambda value: ascii(value)[:20])
def test_numbers(value: object, wanted: float | None) -> None:
    assert read_float(value) == wanted
    assert type(read_float(value)) in {float, type(None)}


@pytest.mark.parametrize("text", ["nan", "NaN", "+nan", "na_n"])
def test_not_a_number_is_a_number(text: str) -> None:
    number = read_float(text)
    assert number is not None
    assert math.isnan(number)


@pytest.mark.parametrize(("value", "wanted"), BOOLEANS.items(), ids=repr)
def test_booleans(value: object, wanted: bool | None) -> None:
    assert read_bool(value) is wanted


@pytest.mark.parametrize("value", [None, [], {}, [1], b"1"])
def test_nothing_else_is_converted(value: object) -> None:
    assert read_int(value) is read_float(value) is read_bool(value) is None


def test_booleans_are_numbers() -> None:
    assert (read_int(True), read_float(False), read_bool(True)) == (1, 0.0, True)
    assert type(read_int(True)) is int


@given(st.integers())
def test_the_text_of_an_integer_is_read_back(number: int) -> None:
    assert read_int(str(number)) == read_int(f" {number:+d}.000 ") == number


@given(st.floats(allow_nan=False))
def test_the_text_of_a_number_is_read_back(number: float) -> None:
    assert read_float(repr(number)) == read_float(f" {number!r}\t") == number
