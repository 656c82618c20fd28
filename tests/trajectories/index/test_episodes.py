from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.models import ResultFilter
from hfsvc.trajectories.index.episodes import EpisodeRow, superseded
from hfsvc.trajectories.index.outcomes import passes


def rows_of(*values: tuple[str | None, ...]) -> list[EpisodeRow]:
    return [EpisodeRow(row, *value) for row, value in enumerate(values)]


def episodes_of(*episodes: str | None) -> list[EpisodeRow]:
    return rows_of(*(("t", "r", "main", episode) for episode in episodes))


@pytest.mark.parametrize(
    ("episodes", "expected"),
    [
        ([], []),
        (["episode-0"], []),
        (["episode-7"], []),
        (["episode-0", "episode-1", "episode-2"], [0, 1]),
        (["episode-10", "episode-9", "episode-11"], [0, 1]),
        (["2", "1"], [1]),
        (["episode-1", "episode-0", "episode-1"], [1]),
        (["episode-0", None, "", "last", "episode-1x", "episode--1", "episode-" + "9" * 5000], []),
    ],
)
def test_the_last_episode_of_an_attempt_stays(episodes: list[str | None], expected: list[int]) -> None:
    assert list(superseded(episodes_of(*episodes))) == expected


def test_an_attempt_is_a_trial_of_a_run_in_one_trace() -> None:
    others: list[tuple[str | None, ...]] = [
        ("u", "r", "main"),
        ("t", "s", "main"),
        ("t", "r", "summarization-1-summary"),
        ("t", None, "main"),
    ]
    others += [("t", "r", None), ("t", "None", "main"), ("t", "r", "None")]
    rows = rows_of(("t", "r", "main", "episode-0"), *((*other, f"episode-{n}") for n, other in enumerate(others, 1)))
    assert list(superseded(rows)) == []


@pytest.mark.parametrize("trial", [None, ""])
def test_rows_without_a_trial_are_no_attempt(trial: str | None) -> None:
    assert list(superseded(rows_of((trial, "r", "main", "episode-0"), (trial, "r", "main", "episode-1")))) == []


names = st.sampled_from([None, "a", "b", "é\x00"])
made = st.lists(st.tuples(names, names, names, st.integers(0, 12).map(lambda number: f"episode-{number}")), max_size=40)


@given(values=made)
def test_what_is_left_out_has_a_later_episode_and_what_stays_has_none(
    values: list[tuple[str | None, str | None, str | None, str]],
) -> None:
    rows = [EpisodeRow(row * 3, *value) for row, value in enumerate(values)]
    attempts: dict[tuple[str | None, ...], list[tuple[int, int]]] = defaultdict(list)
    for each in rows:
        attempts[each[1:4]].append((int((each.episode or "")[8:]), each.row))
    named = [found for attempt, found in attempts.items() if attempt[0]]
    earlier = [row for found in named for number, row in found if number < max(found)[0]]
    assert list(superseded(rows)) == sorted(earlier)


@pytest.mark.parametrize(
    ("results", "filters"),
    [
        (["1.0", "0.5", "1", "true", "True", "inf", "pass", "Resolved", "success"], {"all", "success"}),
        (["0.0", "0", "-1.0", "false", "False", "fail", "unresolved", "AgentTimeoutError"], {"all", "failure"}),
        ([None, "", " ", "nan", "NaN"], {"all"}),
    ],
)
def test_a_result_passes_the_filters_that_it_fits(results: list[str | None], filters: set[ResultFilter]) -> None:
    wanted: list[ResultFilter] = ["all", "success", "failure"]
    for result in results:
        assert {each for each in wanted if passes(result, each)} == filters
