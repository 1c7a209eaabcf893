"""Cases by number: damaged files, read and used, and what must not happen to them.

A case is a format, a seed and a number, from which the file follows. What may happen is a
`TinynnError`, in at most 1,000 characters that all print; not any other exception, more than two
seconds of the processor, or more memory than 20 times the file and 50 MB.
"""

from __future__ import annotations

import mmap
import os
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from typing import Any, Iterator, NamedTuple, Sequence

from fuzzing import heavy
from fuzzing.formats import FORMATS, samples_of
from tinynn.errors import TinynnError

SECONDS, FACTOR, MORE = 2.0, 20, 50_000_000
LONGEST = 1000  # characters of a message
CHUNK = 2000  # cases of a worker, which then ends and gives its memory back
QUICK = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a folder in memory
HANG = 60.0  # seconds after which a worker that does not answer is killed


class Finding(NamedTuple):
    """What went wrong with a case: in a word, in full, and the file."""

    format: str
    seed: int
    number: int
    what: str
    detail: str
    data: bytes


class TooSlow(BaseException):
    """Raised by the watchdog; no `except Exception` holds it up."""


def _alarm(signal_number: int, frame: object) -> None:
    raise TooSlow


_SAMPLES: dict[str, Sequence[bytes]] = {}


def case(format: str, seed: int, number: int) -> bytes:
    """Return the file of a case."""
    if format not in _SAMPLES:
        _SAMPLES[format] = samples_of(format)
    rng = random.Random(f"{format} {seed} {number}")
    sample, other = rng.choice(_SAMPLES[format]), rng.choice(_SAMPLES[format])
    return FORMATS[format].mutate(rng, sample, other)


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024)


def tried(format: str, data: bytes, path: str, choice: int = 0) -> str | None:
    """Return what goes wrong when a file with this data is read and used, None if nothing."""
    kind, rng = FORMATS[format], random.Random(choice)
    with open(path, "wb") as file:
        file.write(data)
    high = peak()
    old = signal.signal(signal.SIGPROF, _alarm)
    signal.setitimer(signal.ITIMER_PROF, SECONDS + len(data) / 5e5)
    trouble = None
    try:
        kind.use(rng, kind.read(path), path)
    except TinynnError as error:
        trouble = _bad_message(str(error))
    except TooSlow:
        trouble = "slow\n" + traceback.format_exc()
    except Exception as error:
        trouble = f"{type(error).__name__}\n{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
    more = peak() - high
    if trouble is None and more > FACTOR * len(data) + MORE:
        trouble = f"memory\n{more:,} bytes more, for a file of {len(data):,}"
    return trouble


def _bad_message(text: str) -> str | None:
    if len(text) > LONGEST:
        return f"long message\n{len(text)} characters: {text[:200]!r}"
    odd = [c for c in text if not c.isprintable()]
    return f"message\nwith {odd[0]!r}: {text!r}" if odd else None


def run(format: str, seed: int, numbers: Iterator[int], folder: str) -> Iterator[Finding]:
    """Try cases in this process."""
    path = os.path.join(folder, f"{format}-{os.getpid()}")
    for number in numbers:
        data = case(format, seed, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trouble = tried(format, data, path, number)
        if trouble is not None:
            what, _, detail = trouble.partition("\n")
            yield Finding(format, seed, number, what, detail, data)


def shrunk(finding: Finding, folder: str, tries: int = 300) -> bytes:
    """Return a smaller file with the same trouble: halves, quarters … of it are left out."""
    path = os.path.join(folder, "shrinking")
    data, size = finding.data, len(finding.data) // 2
    while size and tries > 0:
        start = 0
        while start < len(data) and tries > 0:
            less, tries = data[:start] + data[start + size :], tries - 1
            found = tried(finding.format, less, path, finding.number)
            if found is not None and found.partition("\n")[0] == finding.what:
                data = less
            else:
                start += size
        size //= 2
    return data


def weighed(kind: str, name: str, size: int, folder: str) -> tuple[float, int, str]:
    """Return the seconds and bytes of memory that a heavy file takes, and what is said to it.

    It is read in a process of its own. Linux only.
    """
    path = os.path.join(folder, "heavy")
    with open(path, "wb") as file:
        file.write(heavy.FILES[kind, name](size))
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        with open("/proc/self/clear_refs", "w") as file:  # the peak begins here
            file.write("5")
        before, since, said = _status("VmHWM"), time.process_time(), "read"
        try:
            FORMATS[kind].read(path)
        except TinynnError as error:
            said = str(error)
        except BaseException:
            said = "BAD " + traceback.format_exc()
        took = time.process_time() - since
        os.write(sender, f"{took} {_status('VmHWM') - before} {said[:2000]}".encode())
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as file:
        answer = file.read().decode()
    os.waitpid(child, 0)
    seconds, memory, said = answer.split(" ", 2) if answer else ("0", "0", "BAD: it died")
    return float(seconds), int(memory), said


def _status(name: str) -> int:
    """Return a size in bytes from the kernel's account of this process."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))


class Work:
    """Cases divided among processes; `findings` are files in a folder."""

    def __init__(self, formats: Sequence[str], seed: int, first: int, out: str) -> None:
        self.formats, self.seed, self.out = list(formats), seed, out
        self.next = dict.fromkeys(self.formats, first)
        self.done = dict.fromkeys(self.formats, 0)
        self.turn = 0

    def chunk(self, size: int) -> tuple[str, range]:
        """Return the next cases to try; the formats take turns."""
        format = self.formats[self.turn % len(self.formats)]
        self.turn += 1
        first = self.next[format]
        self.next[format] = first + size
        return format, range(first, first + size)

    def keep(self, finding: Finding, data: bytes) -> str:
        """Write a finding to files, and return their name."""
        os.makedirs(self.out, exist_ok=True)
        name = os.path.join(self.out, f"{finding.format}-{finding.seed}-{finding.number}")
        for ending, content in ((".bin", finding.data), (".small", data)):
            with open(name + ending, "wb") as file:
                file.write(content)
        with open(name + ".txt", "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{finding.what}\n{finding.detail}\n")
        return name

    def worker(self, format: str, numbers: range, at: mmap.mmap) -> None:
        """Try cases in a new process, which ends here."""
        with tempfile.TemporaryDirectory(dir=QUICK) as folder:
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

            def counted() -> Iterator[int]:
                for number in numbers:
                    at[:8] = struct.pack("<q", number)
                    yield number

            for finding in run(format, self.seed, counted(), folder):
                small = finding.data
                if finding.what not in ("slow", "memory"):
                    small = shrunk(finding, folder)
                self.keep(finding, small)

    def all(self, processes: int, cases: int, seconds: float, say: Any) -> list[str]:
        """Try up to `cases` cases for up to `seconds`; return the names of what was found."""
        end = time.monotonic() + seconds
        for format in self.formats:
            case(format, self.seed, 0)  # the samples, before processes share them
        running: dict[int, Any] = {}
        begun = 0
        while running or (begun < cases and time.monotonic() < end):
            while len(running) < processes and begun < cases and time.monotonic() < end:
                format, numbers = self.chunk(min(CHUNK, cases - begun))
                begun += len(numbers)
                at = mmap.mmap(-1, 8)
                child = os.fork()
                if not child:
                    self._end_with(format, numbers, at)
                running[child] = [format, numbers, at, -1, time.monotonic()]
            self._look(running, say)
            time.sleep(0.05)
        names = os.listdir(self.out) if os.path.isdir(self.out) else []
        return sorted(name[: -len(".txt")] for name in names if name.endswith(".txt"))

    def _end_with(self, format: str, numbers: range, at: mmap.mmap) -> None:
        code = 1
        try:
            self.worker(format, numbers, at)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _look(self, running: dict[int, Any], say: Any) -> None:
        for child, (format, numbers, at, last, since) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            (number,) = struct.unpack("<q", at[:8])
            if number != last:
                running[child][3:] = number, time.monotonic()
            elif not ended and time.monotonic() - since > HANG:
                os.kill(child, signal.SIGKILL)
                _, status = os.waitpid(child, 0)
                ended = child
            if not ended:
                continue
            del running[child]
            self.done[format] += len(numbers)
            if status:
                data = case(format, self.seed, number)
                what = f"the process ended with status {status}"
                self.keep(Finding(format, self.seed, number, what, "", data), data)
            say(self.done)
