"""Ctrl-C at any line: for tests of what an interrupted program leaves behind."""

from __future__ import annotations

import sys


def interrupt_at(line, path_end, call):
    """Run call(), with a KeyboardInterrupt at the given line, counted from 0, of all that it runs
    in a file whose name ends so; return whether it came to that line, and what left the call.
    """
    left = [line]

    def trace(frame, event, argument):
        name = frame.f_code.co_filename.replace("\\", "/")
        if not name.endswith(path_end) or "/tests/" in name:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == -1:
                raise KeyboardInterrupt
        return trace

    raised = None
    sys.settrace(trace)
    try:
        call()
    except BaseException as error:
        raised = error
    finally:
        sys.settrace(None)
    return left[0] < 0, raised
