"""One dense layer in lanes: its weights, their bounds, and the sums computed with them.

The weights from one input to all outputs are the lanes of one row; the bias is a further row, for
an input that is always 1. Every number is an integer multiple of some unit:

    x = x' / scale            inputs
    D = D' · 2^−f             the step −rate · ∂L/∂Z
    w = w' · 2^−fd / scale    weights and bias: then x · D is x' · D' units, if f = fd
    z = z' · 2^−fd / scale²   sums: z = x · w is x' · w' units

If f = fd + e, the update is first shifted by e bits, in lanes, so that steps of any size keep 28
bits.

**Why no lane that is read ever overflows.** Let cⱼ be the weights of output j and its bias, as
stored in the lanes; |·| is the 2-norm. The layer keeps `norm` and `grow`, and the invariant

    (I)   |cⱼ| ≤ norm + grow < capacity    for all j.

By Cauchy and Schwarz |zⱼ| ≤ |(x, 1)| |cⱼ| < x_norm · capacity, which fits the bits that are read,
by the choice of `capacity` in `lay_out`; a single weight is no larger than |cⱼ|. An update by the
rounded D̂ moves cⱼ by Σₛ D̂ₛⱼ (xₛ, 1), no further than x_norm · Σₛ |D̂ₛⱼ|. `admit` adds that to
`grow` *before* the update; if (I) would break, it measures the weights again, then lays them out
again, and otherwise raises `LaneOverflow` before a lane has changed. All comparisons are written so
that NaN fails them. `SLACK` covers the rounding of the bounds themselves (some n · 2^-53).
"""

from __future__ import annotations

from array import array
from copy import copy
from math import ceil, dist, frexp, inf, isfinite, ldexp, log2, sqrt
from operator import add, mul, sub
from struct import unpack
from typing import Any, NamedTuple, Sequence

from ...lesson.matrix import Matrix, Vector
from .lanes import QUANTUM_LIMIT, ROUNDING, Lanes, integers

WIDTHS = (32, 40, 48, 56, 64)  # of a first layer's lanes: the first one that is wide enough
HIDDEN_WIDTHS = (64,)  # backward reads D's float64s as ints, which needs lanes of their width
LEAST_FD, MOST_FD = 22, 28  # fraction bits of weights beyond those of the inputs
ROOM = 4.0  # a layout leaves at least this factor above the norm
MOST_ROOM = 2.0**16  # the most for a layout whose room was used up in a few updates
LEAST_NORM = 2.0**-6  # weights may start from zeros
SLACK = 1.0 + 2.0**-20
DIGIT_LIMIT = 2.0**30  # smaller ints have one of Python's digits: the fastest to multiply by
AIM_BITS = 28  # of a D with a new scale
# D keeps the layout's scale while its mean is at least FINE units: then rounding loses less than
# 1/512 of it.
FINE = 256.0
MOMENTUM_BITS = 20  # the momentum is rounded to a multiple of 2^-20
DECAY_BITS = 16  # the weight decay of one step is rounded to this many bits
_LAYOUT = ("reach", "norm", "grow", "room", "since", "measured", "laid_out")
RARELY = 16  # with fewer updates between two measurements, the layout gets more room


class LaneOverflow(Exception):
    """Even the widest lanes are too narrow."""


class Rule(NamedTuple):
    """How a batch updates the weights: D = factor · ∂L/∂Z, then velocity and decay."""

    factor: float
    keep: float | None = None  # the share of the velocity to keep; None without a velocity
    nesterov: float = 0.0  # the momentum, if the step looks ahead; like `keep` a multiple of 2^-20
    decay: float = 0.0  # the share of each weight to take away, at most 1
    biases: bool = True  # whether biases decay, too


class PackedDense:
    """The weights of one dense layer as rows of lanes.

    `first`: no derivatives go back through it. `narrow`: its lanes may be narrower than 64 bits.
    `momentum` and `decay`: whether updates will use them.
    """

    rows: list[int]
    velocity: list[int]

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        first: bool = False,
        narrow: bool = False,
        momentum: bool = False,
        decay: bool = False,
    ) -> None:
        self.n, self.m = inputs, outputs
        self.bias, self.first, self.narrow = bias, first, narrow
        self.momentum, self.decay = momentum, decay
        self.room = ROOM
        self.since = self.measured = self.laid_out = 0

    def kept(self) -> PackedDense:
        """Return a copy that does not change with later updates of this layer."""
        other = copy(self)
        other.rows, other.velocity = list(self.rows), list(self.velocity)
        return other

    # Layout.

    def take_inputs(self, scale: int, norm: float, top: int) -> None:
        """Declare the bounds of the inputs, before `lay_out`: |x̂| ≤ norm, and each |x'| ≤ top."""
        self.scale, self.norm_in, self.top_in = scale, norm, top
        self.x_norm = self.x_now = sqrt(norm * norm + 1.0) * SLACK
        self.x_top = max(top, scale)

    def take_hidden_inputs(self, scale: int, limit: float) -> None:
        """Declare that no input is larger than `limit`, before `lay_out`."""
        self.take_inputs(scale, limit * sqrt(self.n), int(limit * scale))

    def expect(self, largest: float) -> None:
        """Declare that no input of the next batch is larger than `largest`, before rounding."""
        size = largest + 0.5 / self.scale
        self.x_now = min(self.x_norm, sqrt(self.n * size * size + 1.0) * SLACK)

    def lay_out(self, C: Matrix, V: Matrix | None = None) -> None:
        """Put weights C and velocities V, of n + 1 rows, into the narrowest lanes that fit them.

        The window shows 32 bits of a z' above the lowest 8p, and `sums` adds half of the last one
        to round. That needs |z'| ≤ 2^(31+8p) − 2^8p, so that, with |zⱼ| ≤ x_norm |cⱼ|,

            capacity = (2^(31+8p) − 2^8p) · unit_z / x_norm.

        If derivatives go back, weights are read through such a window as well, with its own p. They
        are quantised below 2^50. A velocity is multiplied by a fraction of `MOMENTUM_BITS`, and a
        decaying weight by one of `DECAY_BITS`: these bits must be free above them.

        Raises LaneOverflow if no lanes are wide enough.
        """
        norm = max(column_norm(C), LEAST_NORM)
        try:
            self._arrange(norm * self.room)
        except LaneOverflow:
            self._arrange(norm * ROOM)
        self.laid_out += 1
        if not self.fill(C):
            raise LaneOverflow(f"weights of norm {norm:.3g} need wider lanes")
        self.fill_velocity(V)

    def _arrange(self, reach: float) -> None:
        """Choose lanes for columns of weights of norms up to `reach`; see `lay_out`."""
        input_bits = log2(self.scale)
        weight_bits = log2(reach) + input_bits + 1.0
        taken = weight_bits + log2(self.x_norm) + input_bits
        if self.decay:
            taken = max(taken, weight_bits + DECAY_BITS + 2.0)
        if self.momentum:
            taken = max(taken, input_bits + MOMENTUM_BITS + 5.0)
        if not isfinite(taken):
            raise LaneOverflow("weights of this size fit no lane")
        needed = ceil(taken) + LEAST_FD
        fitting = [w for w in (WIDTHS if self.narrow else HIDDEN_WIDTHS) if w >= needed]
        if not fitting:
            raise LaneOverflow(f"a lane would need {needed} bits")
        self.reach, width = reach, fitting[0]
        self.fd = fd = min(MOST_FD, width - ceil(taken))
        self.lanes = lanes = Lanes(self.m, width)
        self.unit = ldexp(1.0, -fd) / self.scale
        self.unit_z = self.unit / self.scale
        p = _skipped(reach * self.x_norm / self.unit_z, width)
        self.read_z, self.unit_read = lanes.window(p), ldexp(self.unit_z, 8 * p)
        self.half_z = lanes.ones * (1 << 8 * p >> 1)
        capacity = _window_limit(p) * self.unit_z / self.x_norm
        if not self.first:
            p = _skipped(capacity / self.unit, width)
            self.shift, self.half_w = 8 * p, lanes.ones * (1 << 8 * p >> 1)
            self.unit_back = ldexp(self.unit, 8 * p)
            self.sign = Lanes(self.n, 64).ones << 31
            capacity = min(capacity, _window_limit(p) * self.unit)
        if self.decay:
            capacity = min(capacity, ldexp(self.unit, width - 2 - DECAY_BITS))
        self.capacity = min(capacity, QUANTUM_LIMIT * self.unit) / SLACK

    def fill(self, C: Matrix) -> bool:
        """Put weights into the present lanes; return whether these are wide enough.

        Rounding moves each weight by at most half a unit, so cⱼ by no more than √(n + 1) units.
        """
        norm = (column_norm(C) + sqrt(self.n + 1.0) * self.unit) * SLACK
        if not norm < self.capacity:
            return False
        self.rows = self.lanes.quantise(_flat(C), 1.0 / self.unit)[0]
        self.norm, self.grow = norm, 0.0
        return True

    def fill_velocity(self, V: Matrix | None) -> None:
        """Put velocities into lanes; raises LaneOverflow if `update` could not use them."""
        self.velocity, self.v_norm, self.v_top = [0] * (self.n + 1), 0.0, 0.0
        if V is None:
            return
        self.v_norm = (column_norm(V) + sqrt(self.n + 1.0) * self.unit) * SLACK
        self.v_top = max([max(max(row), -min(row)) for row in V]) * SLACK + self.unit
        if not self.v_top < self._limit(MOMENTUM_BITS) * self.unit:
            raise LaneOverflow(f"a velocity of {self.v_top:.3g} needs wider lanes")
        self.velocity = self.lanes.quantise(_flat(V), 1.0 / self.unit)[0]

    def layout(self) -> dict[str, Any]:
        """Return all that later updates depend on besides the weights, for `take_layout`."""
        numbers: dict[str, Any] = {name: getattr(self, name) for name in _LAYOUT}
        if self.momentum:
            velocity = {"norm": self.v_norm, "top": self.v_top, "rows": self.velocities()}
            numbers["velocity"] = velocity
        return numbers

    def take_layout(self, layout: dict[str, Any], C: Matrix | None) -> None:
        """Return to a `layout`, with weights C; numbers that cannot be right are not believed.

        C is None if `fill` will be called before the lanes are used: the present weights may be too
        large for this layout then. Its `scale` and the bounds of the inputs are those of
        `take_inputs`, called before. Raises LaneOverflow if the weights or velocities do not fit.
        """
        self._arrange(layout["reach"])
        self.room, self.since = layout["room"], layout["since"]
        self.measured, self.laid_out = layout["measured"], layout["laid_out"]
        if C is not None and not self.fill(C):
            raise LaneOverflow("the weights have changed too much")
        if C is None or column_norm(C) <= layout["norm"] + layout["grow"] < self.capacity:
            self.norm, self.grow = layout["norm"], layout["grow"]
        kept = layout.get("velocity")
        if not self.momentum or kept is None:
            self.fill_velocity(None)
            return
        V = kept["rows"]
        self.fill_velocity(V)
        if column_norm(V) <= kept["norm"] and max(map(abs, _flat(V))) <= kept["top"]:
            self.v_norm, self.v_top = kept["norm"], kept["top"]

    def weights(self) -> Matrix:
        """Return the weights, with the bias as the last row."""
        return self._floats(self.rows, self.unit)

    def velocities(self) -> Matrix:
        """Return the velocity of each weight: what it adds to the next step."""
        return self._floats(self.velocity, self.unit)

    def _floats(self, rows: list[int], unit: float) -> Matrix:
        return cut_rows([v * unit for v in self.lanes.unpack(rows)], self.m)

    def _limit(self, bits: int = 0) -> float:
        """Return the largest lane that leaves `bits` bits, the sign and one more bit free."""
        return ldexp(1.0, self.lanes.width - 2 - bits)

    # Forward.

    def sums(self, xs: Sequence[Any], sparse: bool = False) -> list[bytes]:
        """Return, for each row of inputs, the lanes z' = x' W' + b', in bytes for `read_z`."""
        rows, size = self.rows, self.lanes.size
        base = rows[-1] * self.scale + self.half_z
        if not sparse:
            return [sum(map(mul, x, rows), base).to_bytes(size, "little", signed=True) for x in xs]
        return [
            sum(map(mul, x.values, x.pick(rows)), sum(x.pick_ones(rows), base) if x.ones else base)
            .to_bytes(size, "little", signed=True)
            for x in xs
        ]  # fmt: skip

    def bears(self, norm: float) -> bool:
        """Return whether `sums` fit with the current weights for other inputs, |x̂| ≤ norm."""
        reach = sqrt(norm * norm + 1.0) * SLACK * (self.norm + self.grow)
        return reach < self.capacity * self.x_norm

    # Derivatives.

    def scale_step(
        self, sizes: Vector, samples: int, factor: float, fresh: bool = False
    ) -> tuple[int, float]:
        """Return e for D' = ∂L/∂Z · factor · 2^(fd + e), and a bound d on Σₛ |D̂ₛⱼ| for all j.

        sizes: Σₛ |∂L/∂Zₛⱼ| for each output j; fresh: choose e freely, as no update depends on it.

        D' is rounded by at most ρ = `ROUNDING`. With h = max sizes · |factor| and f = fd + e:

            Σₛ |D̂ₛⱼ| ≤ h + samples · ρ · 2^−f =: d
            each |D'|, as each sum of them over the batch, is at most d · 2^f < 2^30
            each lane of XᵀD' is at most x_top · d · 2^f: it can be shifted and read
            each lane of D' Wᵀ, through its window, is at most t · 2^f · (|W| / unit_back + 1) <
            2^62, where t = Σⱼ sizesⱼ · |factor| + m · samples · ρ · 2^−f

        Raises LaneOverflow if one of these fails, or a derivative is not finite.
        """
        total = sum(sizes) * abs(factor) * SLACK
        if not total < inf:
            raise LaneOverflow("a derivative is not finite")
        h = max(sizes) * abs(factor) * SLACK
        widest = 0.0 if self.first else (self.norm + self.grow) / self.unit_back + 1.0
        units, e = ldexp(h, self.fd), 0
        most = min(DIGIT_LIMIT, self._limit() / self.x_top) / 2.0
        if units and (
            fresh
            or not FINE * samples <= units <= most
            or not ldexp(total, self.fd) * widest < 2.0**61
        ):
            bits = min(AIM_BITS, self.lanes.width - 3 - frexp(self.x_top)[1])
            bits = min(bits, 60 - frexp(widest)[1] - ceil(log2(total / h)))
            e = min(bits - frexp(units)[1], self.lanes.width - 2)
        f = self.fd + e
        d = h + samples * ROUNDING * ldexp(1.0, -f)
        t = total + self.m * samples * ROUNDING * ldexp(1.0, -f)
        if not (
            ldexp(d, f) < DIGIT_LIMIT
            and self.x_top * ldexp(d, f) < self._limit()
            and ldexp(t, f) * widest < 2.0**62
        ):
            raise LaneOverflow(f"a step of {h:.3g} needs wider lanes")
        return e, d

    def admit(self, sizes: Vector, samples: int, rule: Rule) -> int:
        """Return the e of `scale_step` once it is certain that an update keeps (I).

        XᵀD̂ moves cⱼ by at most |(x, 1)| · d, and each weight by x_top / scale · d. Shifting, and
        scaling for velocity and decay, round by half a unit each, so cⱼ by at most √(n + 1) units
        together. With V ← k V + XᵀD̂ the bounds on |Vⱼ| and on its largest element change in the
        same way. Nesterov's step is XᵀD̂ + k V: no longer than twice the bound on V.

        Raises LaneOverflow, with all weights unchanged, if (I) cannot be kept.
        """
        for attempt in range(3):
            e, d = self.scale_step(sizes, samples, rule.factor)
            rounding = sqrt(self.n + 1.0) * self.unit
            move = self.x_now * d + rounding
            top = self.x_top / self.scale * d + self.unit
            if rule.decay:
                k, shift = _fraction(rule.decay, self.lanes.width - 2)
                decayed = ldexp(k, -shift) * SLACK * (self.norm + self.grow)
                move, top = move + decayed + rounding, top + decayed + self.unit
            v_norm = v_top = 0.0
            if rule.keep is not None:
                v_norm = move = rule.keep * SLACK * self.v_norm + move + rounding
                v_top = rule.keep * SLACK * self.v_top + top + self.unit
                if not v_top < self._limit(MOMENTUM_BITS) * self.unit:
                    raise LaneOverflow(f"a velocity of {v_top:.3g} needs wider lanes")
                if rule.nesterov:
                    move = 2.0 * move + rounding
            # Measuring takes as long as several steps: it must not be needed again soon.
            ahead = 8.0 * move if attempt == 1 else move
            if self.norm + self.grow + ahead < self.capacity:
                break
            if attempt == 0:
                C = self._measure()
            elif attempt == 1:
                self.lay_out(C, self.velocities() if self.momentum else None)
        else:
            raise LaneOverflow(f"a step of {move:.3g} is too long")
        self.grow = (self.grow + move) * SLACK
        self.v_norm, self.v_top = v_norm, v_top
        self.since += 1
        return e

    def _measure(self) -> Matrix:
        """Compute the norm from the current weights, and return them."""
        C = self.weights()
        self.norm, self.grow = column_norm(C) * SLACK, 0.0
        self.measured += 1
        if self.since < RARELY:
            self.room = min(self.room * 16.0, MOST_ROOM)
            self.norm = self.capacity  # so that they are laid out again
        self.since = 0
        return C

    def quantise(self, d: Vector, factor: float, e: int) -> tuple[list[int], bytes]:
        """Return D' as rows of lanes, and as float64s for `backward`."""
        return self.lanes.quantise(d, ldexp(factor, self.fd + e))

    def backward(self, raw: bytes) -> Sequence[int]:
        """Return the lanes of D' Wᵀ, row after row, in units of `unit_back` · 2^−(fd + e).

        For the transpose, one window of each weight is read by columns and spread to 64-bit lanes.
        """
        n, m, shift, half = self.n, self.m, self.shift, self.half_w
        size, sign = self.lanes.size, self.sign
        rows = self.rows[:n]
        words = array(
            "i",
            b"".join([((r + half) >> shift).to_bytes(size, "little", signed=True) for r in rows]),
        )[::2]
        spread, columns = array("i", bytes(8 * n)), []
        for j in range(m):
            spread[::2] = words[j::m]
            # Flipping bit 31 of a word and subtracting it again gives the word its sign.
            columns.append((int.from_bytes(spread.tobytes(), "little") ^ sign) - sign)
        D = cut_rows(integers(raw), m)
        return unpack(
            f"<{n * len(D)}q",
            b"".join([sum(map(mul, d, columns)).to_bytes(8 * n, "little", signed=True) for d in D]),
        )

    # Updates.

    def products(
        self, start: list[int], xs: Sequence[Any], D: list[int], sparse: bool = False
    ) -> list[int]:
        """Return start + XᵀD', with scale · Σₛ D'ₛ in the last row; may change `start`."""
        if sparse:
            for x, d in zip(xs, D):
                for k, v in zip(x.positions, x.values):
                    start[k] += v * d
                for k in x.ones:
                    start[k] += d
            rows = start
        elif len(D) == 1:
            rows = [row + v * D[0] for row, v in zip(start, xs[0])]
            rows.append(start[-1])
        else:
            rows = [sum(map(mul, column, D), row) for row, column in zip(start, zip(*xs))]
            rows.append(start[-1])
        if self.bias:
            rows[-1] += sum(D) * self.scale
        return rows

    def update(
        self, xs: Sequence[Any], D: list[int], e: int, rule: Rule, sparse: bool = False
    ) -> None:
        """Add XᵀD' to the weights by the rule; only after `admit` returned this e."""
        if not e and rule.keep is None and not rule.decay:
            self.rows = self.products(self.rows, xs, D, sparse)
            return
        lanes = self.lanes
        G = self.products([0] * (self.n + 1), xs, D, sparse)
        if e > 0:
            G = lanes.scaled(G, 1, e)
        elif e:
            G = [row << -e for row in G]
        if rule.decay:
            k, shift = _fraction(rule.decay, lanes.width - 2)
            decaying = self.rows if rule.biases else self.rows[:-1]
            G[: len(decaying)] = map(sub, G, lanes.scaled(decaying, k, shift))
        if rule.keep is not None:
            k = round(ldexp(rule.keep, MOMENTUM_BITS))
            V = self.velocity = list(map(add, lanes.scaled(self.velocity, k, MOMENTUM_BITS), G))
            if rule.nesterov:
                k = round(ldexp(rule.nesterov, MOMENTUM_BITS))
                V = list(map(add, G, lanes.scaled(V, k, MOMENTUM_BITS)))
            G = V
        self.rows = list(map(add, self.rows, G))

    def gradients(self, xs: Sequence[Any], D: list[int], e: int, sparse: bool = False) -> Matrix:
        """Return XᵀD̂ as floats: for a factor of 1, ∂L/∂W with ∂L/∂b as the last row."""
        rows = self.products([0] * (self.n + 1), xs, D, sparse)
        return self._floats(rows, ldexp(self.unit, -e))


def column_norm(C: Matrix) -> float:
    """Return the largest 2-norm of a column, accurate to a few 2^-53 of it.

    Raises LaneOverflow if one is not finite.
    """
    zeros = (0.0,) * len(C)
    norms = [dist(column, zeros) for column in zip(*C)]
    if not sum(norms) < inf:
        raise LaneOverflow("a weight or a velocity is not finite")
    return max(norms)


def cut_rows(flat: Sequence[Any], columns: int) -> list[Any]:
    """Return a flat list cut into rows."""
    return [flat[i : i + columns] for i in range(0, len(flat), columns)]


def _flat(C: Matrix) -> Vector:
    return [value for row in C for value in row]


def _window_limit(skipped: int) -> float:
    """Return the largest lane for which a window, half its last bit and a borrow fit."""
    return ldexp(1.0, 31 + 8 * skipped) - ldexp(1.0, 8 * skipped)


def _skipped(reach: float, width: int) -> int:
    """Return how many bytes to skip below a window that shows numbers up to `reach`."""
    return min(width // 8 - 4, max(0, ceil((log2(reach) - 31.0) / 8.0)))


def _fraction(q: float, most_shift: int) -> tuple[int, int]:
    """Return (k, shift) with k / 2^shift ≈ q, where k has at most `DECAY_BITS` bits.

    Needs 0 < q ≤ 1. Off by 2^-16 of q unless `most_shift` limits the shift.
    """
    shift = min(most_shift, DECAY_BITS - 1 - frexp(q)[1])
    return round(ldexp(q, shift)), shift
