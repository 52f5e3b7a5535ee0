"""Signals about decisions and keys, on blinker as Flask's own are. They cost nothing while nobody listens."""

from __future__ import annotations

from blinker import Namespace

__all__ = ["key_event", "request_accepted", "request_refused"]

_signals = Namespace()

request_accepted = _signals.signal("request-accepted")
"""A caller was let in. The sender is the Flask app; ``authenticator`` and ``principal`` come along."""

request_refused = _signals.signal("request-refused")
"""A caller was refused. The sender is the Flask app; ``authenticator``, ``error``, ``optional`` come along.

``error`` is the ``AuthenticationError`` or ``VerificationUnavailable`` that says why, with
``error.code``, ``error.status``, ``error.description`` and, for a claim, ``error.claim``.
``optional`` says that the route let the request go on without a caller.
"""

key_event = _signals.signal("key-event")
"""Something happened to a provider's keys. The sender is the provider; ``event`` says what, with details:

- ``refreshed``: a fetch succeeded; ``generation``, ``added`` and ``removed``, lists of key IDs
- ``key_skipped``: it passed over members of the set; ``reasons``, a list
- ``refresh_failed``: a fetch failed; ``reason``, what it was for, ``error``, the name of an
  exception's class, ``failures``, how many in a row, and ``next_attempt``, in seconds
- ``serving_stale``: keys serve beyond their time, since no fetch succeeds
- ``dead``: they are too old for that, and every token gets 503
- ``recovered``: a fetch succeeded after others had failed
- ``unknown_kid``: a token was refused for its ``kid``, which the sender made up or which is not
  published yet

Receivers are called in a background thread, one event of a provider after the other, when the keys are
available to everyone: no request waits for them. They have no request or application context. What they
raise is logged and changes nothing. While one takes long, up to 256 events wait; beyond that, the oldest are
dropped. Where no thread can be started, a request calls them, after its own keys were looked up.
"""
