"""What a request costs behind ``flask_jwtlib``, beside a bare route, the least possible, and peers.

``python -m benchmarks`` runs it; ``docs/benchmarks.rst`` says how to read what it prints.
"""
