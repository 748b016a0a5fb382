"""Rates and time left, with a clock that is turned by hand."""

import pytest

from engine.console.rates import SILENT, WINDOW, Rates

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_is_said_of_a_single_look(clock: Clock) -> None:
    rate = Rates(clock).of(1, 5 * MIB, 100 * MIB)
    assert (rate.per_second, rate.left, rate.silent) == (0.0, None, 0.0)


def test_a_steady_transfer(clock: Clock) -> None:
    rates = Rates(clock)
    for second in range(11):
        clock.now = 1000.0 + second
        rate = rates.of(1, second * MIB, 100 * MIB)
    assert rate.per_second == pytest.approx(MIB)
    assert rate.left == pytest.approx(90)
    assert rate.silent == 0


def test_only_the_last_30_seconds_count(clock: Clock) -> None:
    rates = Rates(clock)
    done = 0
    for second in range(101):
        clock.now = 1000.0 + second
        done += 10 * MIB if second < 50 else MIB
        rate = rates.of(1, done, 2000 * MIB)
    assert rate.per_second == pytest.approx(MIB, rel=0.01)


def test_bursts_are_levelled_over_the_window(clock: Clock) -> None:
    """10 MiB every 10 s are 1 MiB/s, whenever one looks."""
    rates = Rates(clock)
    shown = []
    for second in range(121):
        clock.now = 1000.0 + second
        rate = rates.of(1, second // 10 * 10 * MIB, 1000 * MIB)
        if second > WINDOW:
            shown.append(rate.per_second)
            assert rate.left is not None
    assert min(shown) > 0.7 * MIB
    assert max(shown) < 1.3 * MIB


def test_a_stall_has_no_time_left(clock: Clock) -> None:
    rates = Rates(clock)
    for second in range(11):
        clock.now = 1000.0 + second
        rates.of(1, second * MIB, 100 * MIB)
    clock.now = 1010 + SILENT - 1
    assert rates.of(1, 10 * MIB, 100 * MIB).left is not None
    clock.now = 1010 + 45
    rate = rates.of(1, 10 * MIB, 100 * MIB)
    assert rate.left is None
    assert rate.silent == pytest.approx(45)
    assert rate.per_second < MIB


def test_after_a_stall_it_is_told_again(clock: Clock) -> None:
    rates = Rates(clock)
    for second in range(11):
        clock.now = 1000.0 + second
        rates.of(1, second * MIB, 100 * MIB)
    for second in range(100, 140):
        clock.now = 1000.0 + second
        rate = rates.of(1, (second - 90) * MIB, 100 * MIB)
    assert rate.silent == 0
    assert rate.per_second == pytest.approx(MIB, rel=0.05)
    assert rate.left == pytest.approx(51, rel=0.05)


def test_an_upload_that_begins_anew_starts_from_nothing(clock: Clock) -> None:
    rates = Rates(clock)
    for second in range(31):
        clock.now = 1000.0 + second
        rates.of(1, second * 3 * MIB, 100 * MIB)
    clock.now += 1
    rate = rates.of(1, 0, 100 * MIB)
    assert (rate.per_second, rate.left, rate.silent) == (0.0, None, 0.0)
    clock.now += 1
    rate = rates.of(1, MIB, 100 * MIB)
    assert rate.per_second == pytest.approx(MIB)
    assert rate.left == pytest.approx(99)


def test_more_bytes_than_were_expected_leave_no_time(clock: Clock) -> None:
    rates = Rates(clock)
    rates.of(1, 0, MIB)
    clock.now += 1
    assert rates.of(1, 2 * MIB, MIB).left == 0


def test_transfers_are_kept_apart_and_forgotten(clock: Clock) -> None:
    rates = Rates(clock)
    for transfer, speed in ((1, 1), (2, 5)):
        rates.of(transfer, 0, 100 * MIB)
        clock.now += 1
        assert rates.of(transfer, speed * MIB, 100 * MIB).per_second == pytest.approx(speed * MIB)
    rates.forget({2})
    clock.now += 1
    assert rates.of(1, 2 * MIB, 100 * MIB).left is None, "the first was forgotten"
    assert rates.of(2, 6 * MIB, 100 * MIB).left is not None


def test_many_looks_within_a_window_are_bounded(clock: Clock) -> None:
    rates = Rates(clock)
    for look in range(2000):
        clock.now = 1000.0 + look / 10
        rates.of(1, look, 10_000)
    assert len(rates._seen[1]) <= WINDOW * 10 + 2
