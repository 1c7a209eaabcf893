"""The arithmetic of lanes against plain integers: nothing may leak, up to the limits stated."""

from __future__ import annotations

from fractions import Fraction
from math import floor, ldexp

import pytest
from hypothesis import given, strategies as st

from tinynn.engines.packed.lanes import MAGIC, ROUNDING, Lanes, integers, whole_numbers

WIDTHS = (32, 40, 48, 56, 64)
widths = st.sampled_from(WIDTHS)


def lane_lists(low, high, most=6):
    """Lists of lanes, the extremes and their neighbours often among them."""
    near = st.sampled_from([low, low + 1, -1, 0, 1, high - 1, high])
    return st.lists(st.one_of(st.integers(low, high), near), min_size=1, max_size=most)


@given(widths, st.data())
def test_unpack_undoes_pack(width, data):
    half = 1 << (width - 1)
    rows = data.draw(st.lists(lane_lists(-half, half - 1, 4), min_size=1, max_size=3))
    count = len(rows[0])
    rows = [(row * count)[:count] for row in rows]
    lanes = Lanes(count, width)
    packed = [lanes.pack(row) for row in rows]
    assert list(lanes.unpack(packed)) == [v for row in rows for v in row]


@given(widths, st.data())
def test_sums_of_multiples_are_those_of_each_lane_whatever_the_lanes_hold_meanwhile(width, data):
    half = 1 << (width - 1)
    count = data.draw(st.integers(1, 5))
    lanes = Lanes(count, width)
    numbers = st.lists(st.integers(-(4**width), 4**width), min_size=count, max_size=count)
    rows = data.draw(st.lists(numbers, min_size=1, max_size=4))
    factors = data.draw(
        st.lists(st.integers(-(2**30), 2**30), min_size=len(rows), max_size=len(rows))
    )
    total = sum(k * lanes.pack(row) for k, row in zip(factors, rows))
    sums = [sum(k * row[j] for k, row in zip(factors, rows)) for j in range(count)]
    assert total == lanes.pack(sums)
    # One more row brings each sum back into its lane, and it is read as if nothing had happened.
    wanted = data.draw(st.lists(st.integers(-half, half - 1), min_size=count, max_size=count))
    total += lanes.pack([w - s for w, s in zip(wanted, sums)])
    assert list(lanes.unpack([total])) == wanted


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("over", [1, 0])
def test_a_lane_beyond_its_half_leaks_and_one_within_does_not(width, over):
    lanes = Lanes(2, width)
    row = [(1 << (width - 1)) - 1 + over, 5]
    assert (list(lanes.unpack([lanes.pack(row)])) == row) is not bool(over)


@given(widths, st.integers(-3, 20), st.data())
def test_quantise_rounds_each_value_to_the_nearest_and_touches_no_other(width, bits, data):
    factor = data.draw(st.sampled_from([1.0, -1.0, 0.1, -3.7])) * 2.0**bits
    limit = min(2.0 ** (width - 1) - 1.0, 2.0**30) / abs(factor)
    extremes = st.sampled_from([limit, -limit, 0.0, -0.0, 0.5 / factor, 1.5 / factor, 5e-324])
    count = data.draw(st.integers(1, 4))
    values = data.draw(
        st.lists(
            st.one_of(st.floats(-limit, limit), extremes), min_size=2 * count, max_size=2 * count
        )
    )
    lanes = Lanes(count, width)
    rows, raw = lanes.quantise(values, factor)
    whole = list(lanes.unpack(rows))
    assert len(rows) == 2
    for v, n in zip(values, whole):
        assert abs(Fraction(v) * Fraction(factor) - n) <= Fraction(ROUNDING)
    assert rows == [lanes.pack(whole[:count]), lanes.pack(whole[count:])]
    if width == 64:
        assert list(integers(raw)) == whole


@pytest.mark.parametrize("width", WIDTHS)
def test_quantise_is_right_up_to_its_limits(width):
    limit = min(2.0 ** (width - 1) - 1.0, 2.0**50 - 1.0)
    values = [limit, -limit, 0.0, limit, 1.0, -limit]
    lanes = Lanes(3, width)
    assert list(lanes.unpack(lanes.quantise(values, 1.0)[0])) == values


@pytest.mark.parametrize("width", WIDTHS)
def test_window_is_right_up_to_its_limits_for_lanes_beside_any_others(width):
    for skipped in range(width // 8 - 3):
        limit = (1 << (31 + 8 * skipped)) - 1
        unit = 256**skipped
        extremes = [limit, -limit, 0, 1, -1, limit - unit, unit - 1]
        lanes = Lanes(3, width)
        read = lanes.window(skipped)
        for row in [(a, b, c) for a in extremes for b in extremes for c in extremes]:
            raw = lanes.pack(row).to_bytes(lanes.size, "little", signed=True)
            below = 0
            for v, seen in zip(row, read(raw)):
                borrow = below < 0
                assert seen == floor(Fraction(v - borrow, unit))
                below = v if v else below


@pytest.mark.parametrize("width", WIDTHS)
def test_window_one_beyond_its_limit_is_wrong(width):
    skipped = width // 8 - 4
    lanes = Lanes(2, width)
    row = (1 << (31 + 8 * skipped), 0)
    raw = lanes.pack(row).to_bytes(lanes.size, "little", signed=True)
    assert lanes.window(skipped)(raw)[0] != row[0] >> (8 * skipped)


@given(widths, st.data())
def test_scaled_rounds_each_lane_to_the_nearest_and_touches_no_other(width, data):
    shift = data.draw(st.integers(1, width - 2))
    k = data.draw(st.sampled_from([1, 2**16 - 1, 943718, 2**20, 3 * 2**20]))
    limit = ((1 << (width - 1)) - 1 - (1 << (shift - 1))) // k
    row = data.draw(lane_lists(-limit, limit) if limit > 1 else lane_lists(0, 0))
    lanes = Lanes(len(row), width)
    (scaled,) = lanes.scaled([lanes.pack(row)], k, shift)
    wanted = [floor(Fraction(v * k, 1 << shift) + Fraction(1, 2)) for v in row]
    assert list(lanes.unpack([scaled])) == wanted


def test_scaled_beyond_its_limit_leaks():
    lanes = Lanes(2, 32)
    (scaled,) = lanes.scaled([lanes.pack([1 << 12, 7])], 1 << 20, 20)
    assert list(lanes.unpack([scaled])) != [1 << 12, 7]


@given(st.lists(st.floats(-(2.0**20), 2.0**20), min_size=1, max_size=8), st.integers(0, 9))
def test_whole_numbers_are_rounded_to_the_nearest(values, bits):
    for v, n in zip(values, whole_numbers(values, 2.0**bits)):
        assert abs(Fraction(v) * 2**bits - n) <= Fraction(1, 2)


def test_adding_the_magic_number_keeps_the_exponent():
    for v in (2.0**50, -(2.0**50), 0.4, -0.5):
        assert 2.0**52 <= MAGIC + v < 2.0**53
        assert ldexp(1.0, 52) + (MAGIC + v - ldexp(1.0, 52)) == MAGIC + v
