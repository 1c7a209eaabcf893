"""A learner's file: loaded, run, and its errors told with the line in it."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Mapping

from ...checks.words import did_you_mean
from ...errors import DataError
from .exercises import Exercise
from .probes import Probe, Result, verdict

NAME = "learners_file"  # of the module


class LearnersError(DataError):
    """The learner's file does not run; the message says where."""


def load(path: str) -> dict[str, Any]:
    """Return the names that a learner's file defines.

    Raises LearnersError, with the line, if it cannot be run, and OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        source = file.read()
    module = ModuleType(NAME)
    module.__file__ = path
    folder = os.path.dirname(os.path.abspath(path))
    sys.path.insert(0, folder)
    sys.modules[NAME] = module
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise LearnersError(f"{path}{line}: {type(error).__name__}: {error.msg}") from None
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(where(error, path)) from None
    except BaseException as error:
        raise LearnersError(told(error, path)) from None
    finally:
        sys.path.remove(folder)
    return vars(module)


def where(error: BaseException, path: str) -> str:
    """Return the last line of the learner's file that an error went through: "mine.py, line 3"."""
    trace, line = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}, line {line}" if line else path


def told(error: BaseException, path: str) -> str:
    """Return an error in one sentence, with the line in the learner's file."""
    words = str(error) or ("the program ended itself" if isinstance(error, SystemExit) else "")
    return f"{where(error, path)}: {type(error).__name__}{f': {words}' if words else ''}"


def check(exercise: Exercise, mine: Mapping[str, Any], path: str) -> list[Result]:
    """Return what is right and what is off in a learner's names, compared with the lesson.

    Raises KeyboardInterrupt, with the line in the learner's file, after Ctrl-C.
    """
    lesson = exercise.answers
    results = [_checked(probe, mine, lesson, path) for probe in exercise.probes]
    if exercise.last and all(result.ok for result in results):
        results.append(exercise.last(mine))
    return results


def check_file(exercise: Exercise, path: str) -> list[Result]:
    """Return what is right and what is off in a learner's file; raises what `load` raises."""
    return check(exercise, load(path), path)


def _checked(probe: Probe, mine: Mapping[str, Any], lesson: Any, path: str) -> Result:
    if probe.needs not in mine:
        mend = did_you_mean(probe.needs, [name for name in mine if not name.startswith("_")])
        return Result(probe.name, False, f"{path} does not define {probe.needs}{mend}")
    got = []
    for case in probe.cases:
        try:
            got.append(case.call(mine[probe.needs]))
        except NotImplementedError as error:
            return Result(probe.name, False, f"not written yet ({where(error, path)})")
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(where(error, path)) from None
        except BaseException as error:
            advice = probe.advice.get(type(error).__name__, "")
            text = f"{case.where}, {told(error, path)}{'. ' if advice else ''}{advice}"
            return Result(probe.name, False, text)
    expected = [case.call(getattr(lesson, probe.needs)) for case in probe.cases]
    return verdict(probe, got, expected)
