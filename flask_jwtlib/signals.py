"""Blinker signals about decisions and keys. A signal without receivers costs nothing."""

from __future__ import annotations

from blinker import Namespace

__all__ = ["key_event", "request_accepted", "request_refused"]

_signals = Namespace()

request_accepted = _signals.signal("request-accepted")
"""A caller was accepted. The sender is the Flask app.

The arguments are ``authenticator`` and ``principal``.
"""

request_refused = _signals.signal("request-refused")
"""A request was refused, or had no valid token. The sender is the Flask app.

The arguments are ``authenticator``, ``error``, ``optional`` and ``principal``. ``error`` is the reason, an
``AuthenticationError`` or a ``VerificationUnavailable``. Both have ``error.status``; ``error.reason``, one of
a few names that never change; ``error.error_code``, the code of the challenge, or None;
``error.log_message``, the text for the log; and ``error.context``. A ``ClaimError`` also has
``error.claim``. ``optional`` is True if the route accepted the request without a caller. ``principal`` is the
caller who lacks a permission (403), and None for all other refusals.
"""

key_event = _signals.signal("key-event")
"""A provider's keys changed, or could not be refreshed. The sender is the provider.

The argument ``event`` is one of these, and has further arguments:

- ``refreshed``: a fetch succeeded. ``generation``, and the lists of key IDs ``added`` and ``removed``.
- ``key_skipped``: a fetch ignored some keys of the set. ``reasons``, a list.
- ``refresh_failed``: a fetch failed. ``reason`` for the fetch; ``error``, the name of an exception's class;
  ``failures`` in a row; and ``next_attempt``, in seconds.
- ``serving_stale``: expired keys are still used, since no fetch succeeds.
- ``dead``: the keys are too old to be used, and every token is refused with 503.
- ``recovered``: a fetch succeeded after failures.
- ``unknown_kid``: a token was refused for its ``kid``, which is invented or not published yet.

Receivers are called in a background thread, one event of a provider after the other, once the keys are in
use: no request waits for them. They have no request or application context. Exceptions that they raise are
logged and have no other effect. Up to 256 events wait for a slow receiver; then the oldest are dropped. If
no thread can be started, a request calls the receivers after looking up its own keys.
"""
