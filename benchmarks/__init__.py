"""Benchmarks: how fast tinynn is compared with its alternatives, and where it loses.

`python3 -m benchmarks` runs every task with every implementation that is installed, checks that
they all compute the same numbers, and only then measures them. The README here says how.
"""
