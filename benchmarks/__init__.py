"""Benchmarks: how fast tinynn is beside what one would use instead, and where it loses.

`python3 -m benchmarks` runs every task with every implementation that is installed, checks that
they all compute the same numbers, and only then measures them. `README.md` here says how.
"""
