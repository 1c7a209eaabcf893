"""Side by side: optimizers raced from one start, and the engines on the same network."""

from __future__ import annotations

import time
from copy import deepcopy
from math import isfinite
from typing import Any, NamedTuple

from ...engines.choice import ENGINES
from ...errors import DivergenceError, EngineError, SettingError
from ...lesson.network import Sequential
from ...training.trainer import Trainer
from ...view.surfaces import loss_surface
from . import maps
from .networks import fresh
from .session import LONGEST_TURN, Answer, Session
from .settings import WHO, make_optimizer, read_settings, whole

MOST_LANES = 7
MOST_TAKEN = 60  # points of a path
SURFACE_ROWS = 60  # on which the loss of a surface is measured
SURFACE_WEIGHTS = 400  # of a network whose surface is drawn while somebody waits
SURFACE_CELLS = 36  # on a side
TRIED = 0.08  # seconds of training with each engine


class Lane(NamedTuple):
    """A network in the race, what trains it, and where it has been.

    taken:  the network as it was after some of the epochs
    note:   why it has dropped out, if it has
    """

    name: str
    trainer: Trainer
    taken: list[tuple[int, Sequential]]
    note: list[str]


def race(session: Session, message: dict[str, Any]) -> Answer:
    """Line up {"lanes": [{"optimizer": "sgd", "rate": 0.03}, …]}, all with the seed's weights."""
    wanted = message.get("lanes")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_LANES:
        raise SettingError(f"{WHO} races one to {MOST_LANES} optimizers at a time")
    start, _, _ = fresh(session.settings, session.problem)
    lanes = []
    for one in wanted:
        chosen = read_settings(one)
        settings = session.settings._replace(optimizer=chosen.optimizer, rate=chosen.rate)
        trainer = session.trainer_of(deepcopy(start), make_optimizer(settings))
        lanes.append(Lane(f"{chosen.optimizer}, rate {chosen.rate:g}", trainer, [], []))
    session.race, session.raced = lanes, 0
    return _standings(session)


def race_on(session: Session, message: dict[str, Any]) -> Answer:
    """Train every network of the race for the same number of epochs, in the same order of rows."""
    if not session.race:
        raise SettingError(f"{WHO} has no race under way; start one")
    wanted = whole(1, LONGEST_TURN)("milliseconds", message.get("milliseconds", LONGEST_TURN))
    end = time.monotonic() + wanted / 1000.0
    while True:
        order = session.order(session.raced)
        for lane in session.race:
            if not lane.note:
                try:
                    session.train_rows(lane.trainer, order)
                except DivergenceError as error:
                    lane.note.append(str(error))
        session.raced += 1
        if time.monotonic() >= end:
            return _standings(session)


def _standings(session: Session) -> Answer:
    lanes = []
    for lane in session.race:
        model = lane.trainer.model
        lane.taken.append((session.raced, frozen(model)))
        if len(lane.taken) > MOST_TAKEN:
            del lane.taken[1:-1:2]
        drawn = []
        if session.flat:
            drawn = maps.of_network(model, session.settings.features, maps.side(model))[-1]
        loss = lane.trainer.loss(model.forward(session.inputs), session.targets)
        lanes.append(
            {
                "name": lane.name,
                "loss": loss if isfinite(loss) else None,
                "map": drawn,
                "note": "".join(lane.note),
            }
        )
    return {"epoch": session.raced, "lanes": lanes}


def frozen(model: Sequential) -> Sequential:
    """Return a copy of a network that remembers nothing of its training."""
    copy = deepcopy(model)
    copy.training = {}
    return copy


def surface(session: Session, message: dict[str, Any]) -> Answer:
    """Draw the loss over the plane in which the race's paths lie best, with the paths."""
    if session.raced == 0:
        raise SettingError(f"{WHO} draws the paths of a race; run one for some epochs first")
    count = session.model.count_parameters()
    if count > SURFACE_WEIGHTS:
        raise SettingError(
            f"{WHO} draws the surface of at most {SURFACE_WEIGHTS} weights and biases, and this "
            f"network has {count:,}; take neurons away"
        )
    paths = {f"{k}. {lane.name}": lane.taken for k, lane in enumerate(session.race, 1)}
    drawn = loss_surface(
        session.race[0].taken[0][1], session.inputs[:SURFACE_ROWS], session.targets[:SURFACE_ROWS],
        session.loss, path=paths, resolution=SURFACE_CELLS,
    )  # fmt: skip
    return {"svg": drawn}


def compared_engines(session: Session, message: dict[str, Any]) -> Answer:
    """Train copies of the network with each engine: rows a second, and how far weights differ."""
    rows = session.order(0)
    found: list[Answer] = []
    reference: list[float] = []
    for name in ENGINES:
        model = deepcopy(session.model)
        trainer = session.trainer_of(model, make_optimizer(session.settings), name)
        try:
            began = time.perf_counter()
            session.train_rows(trainer, rows)
            first = time.perf_counter() - began
            values = [value for p in model.parameters() for row in p.rows() for value in row]
            reference = reference or values
            epochs, began = 0, time.perf_counter()
            while time.perf_counter() - began < TRIED:
                session.train_rows(trainer, rows)
                epochs += 1
            taken = time.perf_counter() - began
        except (EngineError, DivergenceError) as error:
            found.append({"engine": name, "refused": str(error)})
            continue
        found.append(
            {
                "engine": name,
                "rows_per_second": len(rows) * epochs / taken,
                "first_epoch": first,
                "difference": max(abs(a - b) for a, b in zip(values, reference)),
            }
        )
    return {"engines": found, "chosen": session.trainer.history.engine}
