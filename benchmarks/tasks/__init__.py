"""The tasks, in the order of the tables."""

from __future__ import annotations

from typing import Tuple

from . import prediction, processes, training
from .kinds import Task

TASKS: Tuple[Task, ...] = (*training.TASKS, *prediction.TASKS, *processes.TASKS)
