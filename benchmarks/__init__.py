"""Measures the cost of a request behind ``flask_jwtlib``, compared with a bare route and with other packages.

``python -m benchmarks`` runs it, and ``docs/benchmarks.rst`` explains the figures.
"""
