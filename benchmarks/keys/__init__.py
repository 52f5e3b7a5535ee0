"""Measures how key providers behave in crowds, outages and floods of unknown key IDs, compared with PyJWT.

``python -m benchmarks.keys`` runs it, and ``docs/key_benchmarks.rst`` explains the figures.
"""
