"""Test settings shared by all modules: one deterministic hypothesis profile, no time limits."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "tinynn",
    deadline=None,  # timing never decides a test
    derandomize=True,  # the same examples on every machine and every run
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tinynn")
