"""The order of rows: each once in an epoch, decided by seed and epoch, alone or many at once."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tinynn.engines.contract import Batches, most_rows
from tinynn.lesson.random_streams import epoch_stream
from tinynn.training.batches import ROWS_OF_A_STREAM, TableBatches, epoch_batches

sizes = st.integers(1, 2 * ROWS_OF_A_STREAM)
epochs = st.integers(0, 100)


@given(samples=sizes, size=st.one_of(st.none(), sizes), shuffle=st.booleans(), epoch=epochs)
def test_each_row_comes_once_in_batches_of_one_size_but_the_last(samples, size, shuffle, epoch):
    batches = epoch_batches(samples, size, shuffle, 1, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(samples))
    plan = TableBatches(samples, size, shuffle, 1)
    assert len(batches) == plan.per_epoch and len(batches[-1]) == plan.smallest
    assert plan.alike == (len({len(batch) for batch in batches}) == 1)


@given(samples=sizes, size=sizes, seed=st.integers(0, 5), first=epochs, count=st.integers(0, 40))
def test_epochs_are_the_same_alone_and_in_a_row(samples, size, seed, first, count):
    alone = [epoch_batches(samples, size, True, seed, first + k) for k in range(count)]
    together = TableBatches(samples, size, True, seed).batches(first, count)
    assert list(together) == [batch for batches in alone for batch in batches]


def test_epochs_and_seeds_differ_in_their_order_also_where_they_share_a_stream():
    for samples in (7, 31, 33, 64, 65, 200):
        orders = {str(epoch_batches(samples, 1, True, 0, epoch)) for epoch in range(20)}
        assert len(orders) >= 18
        seeds = {str(epoch_batches(samples, 1, True, seed, 3)) for seed in range(20)}
        assert len(seeds) >= 18
    assert epoch_batches(5, 1, False, 0, 0) == epoch_batches(5, 1, False, 7, 9)


def test_the_order_of_the_rows_of_tiny_tables_stays_what_it_was():
    """So that a seed gives the same network in the next version: several epochs share a stream."""
    orders = {
        samples: [[i for (i,) in epoch_batches(samples, 1, True, 3, e)] for e in (0, 1, 15, 40)]
        for samples in (2, 3, 5)
    }
    assert orders == {
        2: [[0, 1], [1, 0], [0, 1], [1, 0]],
        3: [[0, 2, 1], [0, 2, 1], [0, 2, 1], [1, 2, 0]],
        5: [[0, 3, 2, 1, 4], [3, 1, 0, 4, 2], [4, 1, 2, 3, 0], [2, 1, 3, 0, 4]],
    }
    # Whole epochs of a table of 2 rows are one row of draws, 2 for each epoch.
    draw = epoch_stream(3, 0).random
    keys = [[draw(), draw()] for _ in range(ROWS_OF_A_STREAM // 2)]
    for epoch, pair in enumerate(keys):
        assert epoch_batches(2, 1, True, 3, epoch) == [[[0], [1]], [[1], [0]]][pair[0] > pair[1]]


@st.composite
def slices(draw):
    """Batches, sliced a few times, and the plain list of lists that they stand for."""
    samples, size = draw(st.integers(1, 9)), draw(st.integers(1, 10))
    distinct, times = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    order = [i for _ in range(distinct) for i in draw(st.permutations(range(samples)))]
    plain = [
        order[e : e + samples][k : k + size]
        for e in list(range(0, len(order), samples)) * times
        for k in range(0, samples, size)
    ]
    batches = Batches(order, samples, size, times)
    for _ in range(draw(st.integers(0, 2))):
        part = slice(*draw(st.tuples(*[st.none() | st.integers(-60, 60)] * 2)))
        batches, plain = batches[part], plain[part]
        assert isinstance(batches, Batches)
    return batches, plain


@given(slices(), st.integers(-60, 60))
def test_batches_are_a_sequence_of_lists_of_rows_kept_as_one_list(pair, index):
    batches, plain = pair
    assert list(batches) == plain and len(batches) == len(plain)
    assert list(batches.rows) == [i for batch in plain for i in batch]
    assert batches.lengths == list(map(len, plain))
    assert batches.each(sum) == list(map(sum, plain))
    assert batches[::-2] == plain[::-2]
    assert most_rows(plain) == max(map(len, plain), default=1)
    # Whatever part of an epoch is left: the same code makes an update wherever a call begins.
    assert most_rows(batches) == batches.size >= max(map(len, plain), default=0)
    if -len(plain) <= index < len(plain):
        assert batches[index] == plain[index]
    else:
        with pytest.raises(IndexError):
            batches[index]


def test_batches_that_repeat_are_kept_and_computed_once():
    batches = Batches([0, 1, 2], samples=3, size=2, times=10**9)
    calls = []
    assert len(batches) == 2 * 10**9 and batches[-1] == [2]
    assert batches[5:9].each(lambda batch: calls.append(batch) or len(batch)) == [1, 2, 1, 2]
    assert calls == [[0, 1], [2]]
    assert repr(batches[5:9]) == "<Batches: 4 of up to 2 of 3 rows>"
