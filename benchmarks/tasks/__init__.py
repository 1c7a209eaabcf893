"""The tasks, in the order of the tables."""

from __future__ import annotations

from . import prediction, processes, training
from .kinds import Task

TASKS: tuple[Task, ...] = (*training.TASKS, *prediction.TASKS, *processes.TASKS)
