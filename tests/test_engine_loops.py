"""The loops engine: its text, and blocks of neurons of any width."""

from __future__ import annotations

import random

import pytest
from engine_cases import check, check_gradients, draw_case

import tinynn as nn
from tinynn.engines.contract import Recipe
from tinynn.engines.loops import engine as loops, layers as loops_layers
from tinynn.lesson.losses import by_name


def test_the_loops_of_one_layer():
    network = nn.Sequential(nn.Dense(3, 2), nn.Tanh(), seed=1)
    text = loops.ENGINE.source(Recipe(network, by_name("mse"), nn.SGD(0.5)), 1)
    body = text[text.index("            x = X[row]") : text.index("        losses.append")]
    assert (
        body
        == """\
            x = X[row]
            t = T[row]
            weight = 1.0 if weights is None else weights[row]
            k = share * weight
            # forward through Dense 3 -> 2
            for j in range(0, 2, 1):
                q0 = (j + 0) * 3
                s0 = 0.0
                for i in range(3):
                    v = x[i]
                    s0 += v * W0[q0 + i]
                z0[j + 0] = s0 + b0[j + 0]
            # forward through Tanh
            for j in range(2):
                a1[j] = tanh(z0[j])
            # loss mse: r = y - t; loss = sum of r * r; d = k * r
            one = 0.0
            for j in range(2):
                rj = a1[j] - t[j]
                one += rj * rj
                dY[j] = k * rj
            loss += weight * one
            # backward through Tanh
            for j in range(2):
                yj = a1[j]
                dY[j] = dY[j] * (1.0 - yj * yj)
            # backward through Dense 3 -> 2
            for j in range(0, 2, 1):
                q0 = (j + 0) * 3
                g0 = dY[j + 0]
                b0[j + 0] -= g0
                for i in range(3):
                    v = x[i]
                    W0[q0 + i] = W0[q0 + i] - v * g0
"""
    )


@pytest.mark.parametrize(("block", "wide"), [(1, 512), (2, 512), (3, 2), (4, 2)])
def test_blocks_of_any_width_and_what_is_left_over(block, wide, monkeypatch):
    monkeypatch.setattr(loops_layers, "BLOCK", block)
    monkeypatch.setattr(loops_layers, "WIDE_BLOCK", 2)
    monkeypatch.setattr(loops_layers, "WIDE", wide)
    loops.training.cache_clear()
    loops.prediction.cache_clear()
    for seed in range(12):
        case = draw_case(random.Random(seed).choice, most_width=9)
        check(loops.ENGINE, case)
        check_gradients(loops.ENGINE, case)
    loops.training.cache_clear()
    loops.prediction.cache_clear()


def test_equal_plans_share_a_function():
    loops.training.cache_clear()
    for rate in (0.1, 0.2):
        network = nn.Sequential(nn.Dense(2, 1))
        program = loops.ENGINE.program(Recipe(network, by_name("mse"), nn.SGD(rate)), {})
        program.bind([[1.0, 2.0]], [[1.0]])
        program.train([[0]], [rate], 1)
        assert program.compile_seconds > 0.0
    assert loops.training.cache_info().misses == 1
    assert "def predict(x, W0=W0, b0=b0" in loops.ENGINE.predictor(network).source
