"""The order of rows: each once in an epoch, decided by seed and epoch, alone or many at once."""

from __future__ import annotations

from hypothesis import given, strategies as st

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
    assert together == [batch for batches in alone for batch in batches]


def test_epochs_and_seeds_differ_in_their_order_also_where_they_share_a_stream():
    for samples in (7, 31, 33, 64, 65, 200):
        orders = {str(epoch_batches(samples, 1, True, 0, epoch)) for epoch in range(20)}
        assert len(orders) >= 18
        seeds = {str(epoch_batches(samples, 1, True, seed, 3)) for seed in range(20)}
        assert len(seeds) >= 18
    assert epoch_batches(5, 1, False, 0, 0) == epoch_batches(5, 1, False, 7, 9)
