"""A session on this machine: an issuer and an API with real servers, and a client that tries both.

``python -m examples.demo`` plays it, checks every answer, and ends with 0 if all were right.
``python -m examples.demo --serve`` leaves the servers running, with curl lines to try.
"""
