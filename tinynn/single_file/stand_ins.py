"""Replacements for parts of the standard library that MicroPython lacks, for minimal files only.

Each `try` that starts with an import replaces the imported name if the import fails.
"""
# mypy: ignore-errors
# ruff: noqa: C419, RUF005

from __future__ import annotations

import math

try:
    from operator import mul
except ImportError:

    def mul(a, b):
        return a * b


try:
    from math import log1p
except ImportError:

    def log1p(x):  # W. Kahan's: the error of 1 + x cancels
        u = 1.0 + x
        return x if u == 1.0 else math.log(u) * x / (u - 1.0)


try:
    from math import hypot

    hypot(1.0, 2.0, 3.0)  # before Python 3.8 it takes only two numbers
except (ImportError, TypeError):

    def hypot(*values):
        most = max([abs(value) for value in values], default=0.0)
        if not 0.0 < most < math.inf:
            return float(most)
        return most * math.sqrt(sum([(value / most) ** 2 for value in values]))


try:
    from math import fsum
except ImportError:

    def fsum(values):  # J. Shewchuk's (1997): parts that do not overlap
        parts = []
        for x in values:
            kept = []
            for y in parts:
                if abs(x) < abs(y):
                    x, y = y, x
                high = x + y
                low = y - (high - x)
                if low:
                    kept.append(low)
                x = high
            parts = kept + [x]
        return float(sum(parts))


try:
    from sys import float_info
except ImportError:

    class float_info:
        min = 2.2250738585072014e-308


try:
    from time import monotonic
except ImportError:
    from time import ticks_ms

    def monotonic():
        return ticks_ms() / 1000.0


try:
    from copy import copy, deepcopy

    deepcopy((lambda x: lambda: x)(0))
except Exception:  # MicroPython's cannot copy closures

    def copy(thing):
        if isinstance(thing, type) or not hasattr(thing, "__dict__"):
            return thing
        new = object.__new__(type(thing))
        for name, value in thing.__dict__.items():
            setattr(new, name, value)
        return new

    def deepcopy(thing):
        if isinstance(thing, (list, tuple)):
            return type(thing)([deepcopy(item) for item in thing])
        if isinstance(thing, dict):
            return {key: deepcopy(value) for key, value in thing.items()}
        new = copy(thing)
        if new is not thing:
            for name, value in thing.__dict__.items():
                setattr(new, name, deepcopy(value))
        return new


try:
    from functools import partial
except ImportError:

    def partial(function, *first, **names):
        return lambda *rest: function(*first, *rest, **names)


try:
    from itertools import chain

    chain.from_iterable  # noqa: B018
except (ImportError, AttributeError):

    class chain:
        def from_iterable(rows):
            for row in rows:
                yield from row


try:
    from collections.abc import Mapping, Sequence
except ImportError:
    from array import array

    Mapping, Sequence = dict, (list, tuple, range, array, str, bytes)
try:
    from typing import Hashable
except ImportError:
    Hashable = (int, float, str, bytes, tuple, type(None))
try:
    from numbers import Complex, Integral, Real
except ImportError:
    Complex, Integral, Real = (complex, float, int), int, (float, int)
try:
    from difflib import get_close_matches
except ImportError:

    def get_close_matches(word, words, n=3):
        return [other for other in words if other[:3] == word[:3]][:n]


try:
    from warnings import warn
except ImportError:

    def warn(text, kind=None, stacklevel=1):
        print(kind.__name__ + ": " + text)


try:
    UserWarning  # noqa: B018
except NameError:
    UserWarning = Exception
try:
    vars  # noqa: B018
except NameError:

    def vars(thing):
        return thing.__dict__


try:
    knows_nested = isinstance(1, ((int,),))
except TypeError:
    knows_nested = False
if not knows_nested:
    plain_isinstance = isinstance

    def isinstance(thing, kinds):
        if plain_isinstance(kinds, tuple):
            return any([isinstance(thing, kind) for kind in kinds])
        return plain_isinstance(thing, kinds)


dict_ = dict
if not hasattr([], "__len__"):
    plain_hasattr, plain_sorted = hasattr, sorted

    def sorted(items, key=lambda x: x, reverse=False):
        keyed = [(key(item), i, item) for i, item in enumerate(items)]
        return [item for _, _, item in plain_sorted(keyed, reverse=reverse)]

    def hasattr(thing, name):
        if plain_hasattr(thing, name):
            return True
        try:
            if name == "__next__":
                return iter(thing) is thing
            if name in ("__len__", "__iter__", "__float__"):
                {"__len__": len, "__iter__": iter, "__float__": float}[name](thing)
                return not isinstance(thing, str) or name == "__len__"
        except (TypeError, ValueError):
            pass
        return False


def join_(*kinds):
    """Return a class with all these bases, or the first one if there can be only one."""
    try:
        return type("joined", kinds, {})
    except TypeError:
        return kinds[0]


def merge_(*tables):
    """Return several dictionaries merged into one."""
    new = {}
    for table in tables:
        new.update(table)
    return new


def getter_(table):
    """Return a function that looks up items in a table."""
    return lambda key: table[key]


class Record_:
    """The base of a named tuple; subclasses have a constructor and the names of the fields."""

    def __iter__(self):
        return iter([getattr(self, name) for name in self._fields])

    def __len__(self):
        return len(self._fields)

    def __getitem__(self, index):
        return list(self)[index]

    def __eq__(self, other):
        return type(self) is type(other) and list(self) == list(other)

    def __repr__(self):
        words = [name + "=" + repr(getattr(self, name)) for name in self._fields]
        return type(self).__name__ + "(" + ", ".join(words) + ")"

    def _replace(self, **changes):
        return type(self)(**merge_(self._asdict(), changes))

    def _asdict(self):
        return {name: getattr(self, name) for name in self._fields}


def whole_root(n, k):
    """Return the largest whole number whose k-th power is at most n, by Newton's method."""
    x = 1 << 68
    while True:
        y = ((k - 1) * x + n // x ** (k - 1)) // k
        if y >= x:
            return x
        x = y


def sha512(data):
    """Return the digest as a number. Source: FIPS 180-4, whose constants are roots of primes."""
    mask = (1 << 64) - 1
    primes = [p for p in range(2, 410) if all([p % d for d in range(2, p) if d * d <= p])]
    K = [whole_root(p << 192, 3) & mask for p in primes]
    H = [whole_root(p << 128, 2) & mask for p in primes[:8]]

    def turned(x, *amounts):
        total = 0
        for n in amounts:
            total ^= (x >> n) | (x << (64 - n))
        return total & mask

    size = len(data)
    data += b"\x80" + b"\x00" * ((111 - size) % 128) + (8 * size).to_bytes(16, "big")
    for start in range(0, len(data), 128):
        block = data[start : start + 128]
        w = [int.from_bytes(block[i : i + 8], "big") for i in range(0, 128, 8)]
        for t in range(16, 80):
            x, y = w[t - 15], w[t - 2]
            x, y = turned(x, 1, 8) ^ (x >> 7), turned(y, 19, 61) ^ (y >> 6)
            w.append((w[t - 16] + x + w[t - 7] + y) & mask)
        a, b, c, d, e, f, g, h = H
        for t in range(80):
            x = h + turned(e, 14, 18, 41) + ((e & f) ^ (~e & g)) + K[t] + w[t]
            y = turned(a, 28, 34, 39) + ((a & b) ^ (a & c) ^ (b & c))
            a, b, c, d, e, f, g, h = (x + y) & mask, a, b, c, (d + x) & mask, e, f, g
        H = [(x + y) & mask for x, y in zip(H, [a, b, c, d, e, f, g, h])]
    digest = 0
    for x in H:
        digest = digest << 64 | x
    return digest


try:
    from random import Random
except ImportError:

    class Random:
        """CPython's: the Mersenne Twister MT19937. Source: M. Matsumoto and T. Nishimura (2002)."""

        def __init__(self, seed=None):
            if seed is None:
                import time

                seed = time.time_ns()
            if isinstance(seed, str):
                data = seed.encode()
                seed = int.from_bytes(data, "big") << 512 | sha512(data)
            seed, key = abs(seed), []
            while seed or not key:
                key.append(seed & 0xFFFFFFFF)
                seed >>= 32
            mt = [19650218]
            for i in range(1, 624):
                mt.append((1812433253 * (mt[-1] ^ (mt[-1] >> 30)) + i) & 0xFFFFFFFF)
            i = j = 0
            for step in range(max(624, len(key)) + 623):
                i = i + 1 if i < 623 else 1
                if i == 1 and step:
                    mt[0] = mt[623]
                x = mt[i - 1] ^ (mt[i - 1] >> 30)
                if step < max(624, len(key)):
                    mt[i] = ((mt[i] ^ (x * 1664525)) + key[j] + j) & 0xFFFFFFFF
                    j = (j + 1) % len(key)
                else:
                    mt[i] = ((mt[i] ^ (x * 1566083941)) - i) & 0xFFFFFFFF
            if i == 623:
                mt[0] = mt[623]
            mt[0] = 0x80000000
            self.setstate((3, mt + [624], None))

        def setstate(self, state):
            _, numbers, self.kept = state
            self.mt, self.at = list(numbers[:624]), numbers[624]

        def getrandbits(self, k):
            if k > 32:
                low = self.getrandbits(32)
                return low | self.getrandbits(k - 32) << 32
            mt = self.mt
            if self.at == 624:
                for i in range(624):
                    y = (mt[i] & 0x80000000) | (mt[(i + 1) % 624] & 0x7FFFFFFF)
                    mt[i] = mt[(i + 397) % 624] ^ (y >> 1) ^ (0x9908B0DF if y & 1 else 0)
                self.at = 0
            y = mt[self.at]
            self.at += 1
            y ^= y >> 11
            y ^= (y << 7) & 0x9D2C5680
            y ^= (y << 15) & 0xEFC60000
            return (y ^ (y >> 18)) >> (32 - k)

        def random(self):
            return (self.getrandbits(27) * 67108864 + self.getrandbits(26)) / 9007199254740992

        def gauss(self, mu=0.0, sigma=1.0):
            z, self.kept = self.kept, None
            if z is None:
                turn = self.random() * 2.0 * math.pi
                size = math.sqrt(-2.0 * math.log(1.0 - self.random()))
                z, self.kept = math.cos(turn) * size, math.sin(turn) * size
            return mu + z * sigma

        def shuffle(self, items):
            for i in range(len(items) - 1, 0, -1):
                k = 1
                while i + 1 >> k:
                    k += 1
                j = self.getrandbits(k)
                while j > i:
                    j = self.getrandbits(k)
                items[i], items[j] = items[j], items[i]
