"""How keys from elsewhere bear crowds, slow and dying issuers, and hostile tokens, beside a peer.

``python -m benchmarks.keys`` runs it; ``docs/key_benchmarks.rst`` says what the figures mean.
"""
