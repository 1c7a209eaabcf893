"""The `native` engine: writes machine code for one network, by Python alone, and runs it."""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import chain
from time import perf_counter
from typing import Any, Sequence

from ...errors import EngineError
from ...lesson.layers import Dropout
from ...lesson.matrix import Matrix, Vector
from ...lesson.network import Sequential
from ..contract import BatchDivergence, Engine, Memory, Predictor, Program, Recipe, Task, start_memory
from ..lists import ListsProgram
from ..plans import TrainingPlan, plan_of, unknown_layer, unknown_part
