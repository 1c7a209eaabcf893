"""A fit that is refused leaves an estimator as it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from ..errors import DivergenceError, TinynnError


@contextmanager
def unless_refused(estimator: object) -> Iterator[None]:
    """Restore all attributes after any TinynnError other than DivergenceError."""
    before = dict(vars(estimator))
    try:
        yield
    except DivergenceError:
        raise
    except TinynnError:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
