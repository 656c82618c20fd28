from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.models import ByteRange
from hfsvc.transfer.scheduler import RangeJob, Schedule


def whole(size: int) -> list[ByteRange]:
    return [ByteRange(start=0, stop=size)] if size else []


def span(job: RangeJob) -> ByteRange:
    assert job.wanted is not None
    return job.wanted


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(1, 3), st.integers(5, 20), st.data())
def test_every_byte_is_handed_out_once_whatever_comes_back_when(
    sizes: list[int], per_file: int, chunk: int, data: st.DataObject
) -> None:
    schedule = Schedule(len(sizes), per_file=per_file, chunk_bytes=chunk)
    fetched: Counter[tuple[int, int]] = Counter()
    running: list[RangeJob] = []
    while not schedule.finished:
        ends = bool(running) and data.draw(st.booleans())
        taken = None if ends else schedule.take()
        if taken:
            running.append(taken)
            assert Counter(each.file for each in running)[taken.file] <= per_file
            assert span(taken).length <= chunk
        elif not ends and (file := schedule.take_file()) is not None:
            schedule.add_ranges(file, whole(sizes[file]))
            if not sizes[file]:
                schedule.close(file)
        else:
            job = running.pop(data.draw(st.integers(0, len(running) - 1)))
            missing = data.draw(st.integers(0, span(job).length))
            rest = ByteRange(start=span(job).stop - missing, stop=span(job).stop)
            fetched.update((job.file, offset) for offset in range(span(job).start, rest.start))
            if missing:
                schedule.again(job, rest)
            elif schedule.done(job):
                schedule.close(job.file)
            schedule.drop(job)
    assert not running
    assert fetched == Counter((file, offset) for file, size in enumerate(sizes) for offset in range(size))


def test_a_file_is_done_with_its_last_range() -> None:
    schedule = Schedule(1, per_file=2, chunk_bytes=5)
    assert schedule.take_file() == 0
    schedule.add_ranges(0, whole(10))
    one, two = schedule.take(), schedule.take()
    assert one
    assert two
    assert schedule.take() is None
    assert not schedule.done(two)
    assert schedule.done(one)


def test_files_come_in_order_and_a_free_connection_goes_to_the_next() -> None:
    schedule = Schedule(2, per_file=2, chunk_bytes=5)
    for file in (0, 1):
        assert schedule.take_file() == file
        schedule.add_ranges(file, whole(100))
    assert [job.file for _ in range(4) if (job := schedule.take())] == [0, 0, 1, 1]


def test_the_rest_of_a_range_goes_first() -> None:
    schedule = Schedule(1, per_file=1, chunk_bytes=5)
    schedule.take_file()
    schedule.add_ranges(0, whole(20))
    job = schedule.take()
    assert job
    schedule.again(job, ByteRange(start=3, stop=5))
    assert schedule.take() == RangeJob(0, ByteRange(start=3, stop=5))


def test_one_stream_waits_for_the_ranges_that_still_run_and_forgets_their_rests() -> None:
    schedule = Schedule(1, per_file=2, chunk_bytes=5)
    schedule.take_file()
    schedule.add_ranges(0, whole(20))
    one, two = schedule.take(), schedule.take()
    assert one
    assert two
    schedule.add_whole(0)
    schedule.again(one, span(one))
    assert schedule.take() is None
    schedule.again(two, span(two))
    stream = schedule.take()
    assert stream == RangeJob(0, None)
    assert schedule.take() is None
    assert stream
    assert schedule.done(stream)


def test_one_stream_asked_for_twice_comes_once() -> None:
    schedule = Schedule(1, per_file=2, chunk_bytes=5)
    schedule.take_file()
    schedule.add_ranges(0, whole(20))
    jobs = [job for _ in range(2) if (job := schedule.take())]
    for job in jobs:
        schedule.add_whole(0)
        schedule.again(job, span(job))
    stream = schedule.take()
    assert stream == RangeJob(0, None)
    assert stream
    assert schedule.done(stream)


def test_a_closed_file_hands_out_nothing_and_may_be_closed_twice() -> None:
    schedule = Schedule(1, per_file=4, chunk_bytes=5)
    schedule.take_file()
    schedule.add_ranges(0, whole(20))
    job = schedule.take()
    assert job
    for _ in range(2):
        schedule.close(0)
    assert schedule.take() is None
    assert schedule.finished
    assert not schedule.is_over(0)
    schedule.again(job, span(job))
    assert schedule.take() is None
    schedule.drop(job)
    assert schedule.is_over(0)


def test_a_narrowed_file_keeps_one_connection() -> None:
    schedule = Schedule(1, per_file=3, chunk_bytes=1)
    schedule.take_file()
    schedule.add_ranges(0, whole(20))
    jobs = [job for _ in range(3) if (job := schedule.take())]
    for _ in range(5):
        schedule.narrow(0)
    assert schedule.take() is None
    for job in jobs:
        schedule.done(job)
    assert schedule.take() is not None
    assert schedule.take() is None


def test_nothing_to_fetch_is_finished_at_once() -> None:
    assert Schedule(0, per_file=1, chunk_bytes=1).finished


def test_ranges_that_follow_one_stream_come_back_when_they_break() -> None:
    schedule = Schedule(1, per_file=2, chunk_bytes=10)
    schedule.take_file()
    schedule.add_whole(0)
    whole = schedule.take()
    assert whole is not None
    assert whole.wanted is None
    schedule.done(whole)
    schedule.add_ranges(0, [ByteRange(start=0, stop=10)])
    job = schedule.take()
    assert job is not None
    schedule.again(job, ByteRange(start=5, stop=10))
    assert schedule.take() == RangeJob(0, ByteRange(start=5, stop=10))


def test_a_file_is_done_when_both_ends_of_a_range_that_was_divided_are_there() -> None:
    schedule = Schedule(1, per_file=1, chunk_bytes=10)
    schedule.take_file()
    schedule.add_ranges(0, whole(10))
    slow = schedule.take()
    assert slow
    # At its first byte: both jobs stand for the same bytes then.
    for start in (5, 0):
        end = schedule.divide(0, ByteRange(start=start, stop=10))
        assert end
        assert not schedule.done(end)
        schedule.drop(end)
    other = schedule.divide(0, ByteRange(start=5, stop=10))
    assert other
    assert not schedule.done(slow)
    schedule.drop(slow)
    assert schedule.done(other)


def test_a_range_of_a_file_that_needs_none_is_not_divided() -> None:
    for end in (Schedule.add_whole, Schedule.close):
        schedule = Schedule(1, per_file=2, chunk_bytes=10)
        schedule.take_file()
        schedule.add_ranges(0, whole(20))
        assert schedule.has_waiting(0)
        schedule.take()
        end(schedule, 0)
        assert schedule.divide(0, ByteRange(start=5, stop=10)) is None
