"""Signals about decisions, sent on blinker as Flask's own are. Nothing is computed while nobody listens."""

from __future__ import annotations

from blinker import Namespace

__all__ = ["request_accepted", "request_refused"]

_signals = Namespace()

request_accepted = _signals.signal("request-accepted")
"""A caller was let in. The sender is the Flask app; ``authenticator`` and ``principal`` come along."""

request_refused = _signals.signal("request-refused")
"""A caller was refused. The sender is the Flask app; ``authenticator``, ``error``, ``optional`` come along.

``error`` is the ``AuthenticationError`` or ``VerificationUnavailable`` that says why, with
``error.code``, ``error.status``, ``error.description`` and, for a claim, ``error.claim``.
``optional`` says that the route let the request go on without a caller.
"""
