"""Matrices as lists of rows: the laws of their algebra, and what is refused, word for word."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from tinynn import matrix
from tinynn.errors import ShapeError
from tinynn.lesson.matrix import (
    add,
    add_row,
    column_sums,
    dot,
    elementwise,
    identity,
    matmul,
    multiply,
    scale,
    shape,
    subtract,
    transpose,
    zeros,
)

SIZES = st.integers(1, 6)
NUMBERS = st.floats(-1e3, 1e3)
WHOLE = st.integers(-1000, 1000).map(float)  # sums and products of these are exact


def matrices(rows, columns, numbers=NUMBERS):
    row = st.lists(numbers, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


@st.composite
def chains(draw, count, numbers=NUMBERS):
    """Return matrices whose product, in this order, exists."""
    sizes = [draw(SIZES) for _ in range(count + 1)]
    return [draw(matrices(n, m, numbers)) for n, m in zip(sizes, sizes[1:])]


@st.composite
def alike(draw, count, numbers=NUMBERS):
    """Return matrices of one shape."""
    n, m = draw(SIZES), draw(SIZES)
    return [draw(matrices(n, m, numbers)) for _ in range(count)]


def absolute(A):
    return [[abs(a) for a in row] for row in A]


def assert_close(A, B, bound):
    """Assert that A equals B but for a few roundings of sums of the size that `bound` holds."""
    assert shape(A) == shape(B) == shape(bound)
    for a_row, b_row, bound_row in zip(A, B, bound):
        for a, b, largest in zip(a_row, b_row, bound_row):
            assert abs(a - b) <= 20 * 2.3e-16 * largest + 1e-300


# --- laws ---


@given(chains(3))
def test_the_product_is_associative(ABC):
    A, B, C = ABC
    bound = matmul(matmul(absolute(A), absolute(B)), absolute(C))
    assert_close(matmul(matmul(A, B), C), matmul(A, matmul(B, C)), bound)


@given(chains(3, WHOLE))
def test_the_product_is_associative_exactly_where_nothing_is_rounded(ABC):
    A, B, C = ABC
    assert matmul(matmul(A, B), C) == matmul(A, matmul(B, C))


@given(chains(2))
def test_the_transpose_of_a_product_is_the_product_of_the_transposes_in_reverse(AB):
    A, B = AB
    assert transpose(matmul(A, B)) == matmul(transpose(B), transpose(A))


@given(alike(1))
def test_identity_changes_nothing(one):
    (A,) = one
    n, m = shape(A)
    assert matmul(identity(n), A) == A == matmul(A, identity(m))


@given(SIZES, SIZES, SIZES, st.data())
def test_the_product_distributes_over_sums(n, k, m, data):
    A = data.draw(matrices(n, k))
    B, C = data.draw(matrices(k, m)), data.draw(matrices(k, m))
    bound = matmul(absolute(A), add(absolute(B), absolute(C)))
    assert_close(matmul(A, add(B, C)), add(matmul(A, B), matmul(A, C)), bound)
    bound = matmul(add(absolute(transpose(B)), absolute(transpose(C))), absolute(transpose(A)))
    left = matmul(add(transpose(B), transpose(C)), transpose(A))
    right = add(matmul(transpose(B), transpose(A)), matmul(transpose(C), transpose(A)))
    assert_close(left, right, bound)


@given(chains(2), NUMBERS)
def test_a_factor_may_stand_anywhere_in_a_product(AB, factor):
    A, B = AB
    bound = scale(matmul(absolute(A), absolute(B)), abs(factor))
    assert_close(matmul(scale(A, factor), B), scale(matmul(A, B), factor), bound)
    assert_close(matmul(A, scale(B, factor)), scale(matmul(A, B), factor), bound)


@given(alike(1))
def test_transposing_twice_changes_nothing(one):
    (A,) = one
    assert transpose(transpose(A)) == A
    assert shape(transpose(A)) == shape(A)[::-1]


@given(alike(3))
def test_element_by_element_laws(ABC):
    A, B, C = ABC
    assert add(A, B) == add(B, A)
    assert multiply(A, B) == multiply(B, A)
    assert subtract(A, B) == add(A, scale(B, -1.0))
    assert add(A, zeros(*shape(A))) == A
    assert subtract(A, A) == zeros(*shape(A))
    bound = add(add(absolute(A), absolute(B)), absolute(C))
    assert_close(add(add(A, B), C), add(A, add(B, C)), bound)
    assert multiply(A, B) == [[a * b for a, b in zip(x, y)] for x, y in zip(A, B)]
    assert elementwise(lambda a: -a, A) == scale(A, -1.0)


@given(alike(1), st.data())
def test_adding_a_row_is_adding_a_matrix_of_that_row_again_and_again(one, data):
    (A,) = one
    n, m = shape(A)
    row = data.draw(st.lists(NUMBERS, min_size=m, max_size=m))
    assert add_row(A, row) == add(A, [row] * n)


@given(alike(1))
def test_column_sums_are_a_row_of_ones_times_the_matrix(one):
    (A,) = one
    n, _ = shape(A)
    assert_close([column_sums(A)], matmul([[1.0] * n], A), [column_sums(absolute(A))])


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_dot_is_the_sum_of_products(pairs):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    exact = math.fsum(x * y for x, y in pairs)
    largest = math.fsum(abs(x * y) for x, y in pairs)
    assert abs(dot(a, b) - exact) <= (len(pairs) + 1) * 2.3e-16 * largest + 1e-300


def test_a_product_beyond_the_floats_is_infinite_and_no_error():
    assert matmul([[1e200]], [[1e200]]) == [[math.inf]]
    assert math.isnan(dot([math.inf, 1.0], [0.0, 1.0]))


# --- nothing is shared with the caller, nothing of the caller's is changed ---


def test_results_share_no_row_with_what_went_in():
    A = [[1.0, 2.0], [3.0, 4.0]]
    kept = [list(row) for row in A]
    results = [
        transpose(A), matmul(A, identity(2)), elementwise(abs, A), add(A, A), subtract(A, A),
        multiply(A, A), scale(A, 1.0), add_row(A, [0.0, 0.0]),
    ]  # fmt: skip
    for result in results:
        for row in result:
            row[:] = [9.0, 9.0]
    assert kept == A
    rows = zeros(2, 2)
    rows[0][0] = 1.0
    assert rows == [[1.0, 0.0], [0.0, 0.0]]


def test_other_sequences_will_do():
    numpy = pytest.importorskip("numpy")
    A = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    assert shape(A) == shape(((1, 2), (3, 4))) == (2, 2)
    assert matmul(A, A) == (A @ A).tolist()
    assert add_row(A, (1.0, 1.0)) == (A + 1).tolist()
    assert transpose(((1, 2), (3, 4))) == [[1, 3], [2, 4]]


def test_empty_matrices():
    assert shape([]) == (0, 0)
    assert shape([[], []]) == (2, 0)
    assert transpose([]) == transpose([[], []]) == []
    assert matmul([], []) == []
    assert matmul([[], []], []) == [[], []]
    assert matmul([[1.0], [2.0]], [[]]) == [[], []]
    assert add([], []) == column_sums([]) == add_row([], [1.0]) == zeros(0, 3) == identity(0) == []


# --- what is refused ---


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (
            "matmul", ([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]),
            "matmul needs as many columns in A as rows in B, got A (2, 3) and B (2, 3); "
            "did you mean transpose(B)?",
        ),
        (
            "matmul", ([[1, 2, 3]], [[1, 2], [3, 4]]),
            "matmul needs as many columns in A as rows in B, got A (1, 3) and B (2, 2)",
        ),
        (
            "matmul", ([], [[1, 2]]),
            "matmul needs as many columns in A as rows in B, got A (0, 0) and B (1, 2)",
        ),
        (
            "matmul", ([1, 2], [[1], [2]]),
            "a matrix needs rows of numbers, got 1 as row 0; did you mean [[...]]?",
        ),
        (
            "add", ([[1, 2]], [[1], [2]]),
            "add needs matrices of equal shape, got A (1, 2) and B (2, 1)",
        ),
        (
            "subtract", ([[1, 2]], [[1]]),
            "subtract needs matrices of equal shape, got A (1, 2) and B (1, 1)",
        ),
        (
            "multiply", ([[1, 2]], []),
            "multiply needs matrices of equal shape, got A (1, 2) and B (0, 0)",
        ),
        (
            "add_row", ([[1, 2]], [1]),
            "add_row needs a row as long as A has columns, got A (1, 2) and a row of 1",
        ),
        *[
            (
                name, ([[1, 2], [3]], *more),
                "a matrix needs rows of equal length, got 2 columns in row 0 and 1 in row 1",
            )
            for name, *more in [
                ("shape",), ("transpose",), ("column_sums",), ("matmul", [[1], [2]]),
                ("add", [[1, 2], [3]]), ("add_row", [1, 2]),
            ]
        ],
        (
            "shape", ([[1], 2.5],),
            "a matrix needs rows of numbers, got 2.5 as row 1; did you mean [[...]]?",
        ),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(function, arguments, message):
    with pytest.raises(ShapeError) as error:
        getattr(matrix, function)(*arguments)
    assert str(error.value) == message
