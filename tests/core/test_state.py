from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, g, request

from flask_jwtlib import BearerToken, Claims, Principal, current_principal, is_authenticated
from flask_jwtlib._flask.state import (
    RequestState,
    begin,
    current_context,
    current_flask_app,
    current_g,
    current_request,
    peek,
)


def principal(subject: str = "alice") -> Principal:
    """Make a caller."""
    return Principal(BearerToken(f"token of {subject}"), Claims({"sub": subject}, checked_at=0))


def begun() -> tuple[RequestState, Callable[[], None] | None]:
    """Begin to decide about the current request."""
    return begin(current_context(), vars(current_g()))


def publish(subject: str = "alice") -> tuple[Principal, Callable[[], None] | None]:
    """Let a caller in, as an authenticator does; and answer how to publish what was there before."""
    caller = principal(subject)
    state, restore = begun()
    state.outcomes[subject] = caller
    state.publish(caller, vars(current_g()))
    return caller, restore


def published() -> tuple[object, object, object]:
    """What flask.g says."""
    return g.authenticated, g.raw_token, g.json_token


def test_a_new_state_knows_nobody(app: Flask) -> None:
    """Made for a request, a state has no caller, no decision and no note."""
    with app.test_request_context():
        state, restore = begun()

        assert state.principal is None
        assert state.outcomes == {}
        assert state.notes is None
        assert restore is None
        assert published() == (False, None, None)


def test_a_request_has_one_state(app: Flask) -> None:
    """Begun again in the same request, a decision has the same state, with what was decided."""
    with app.test_request_context():
        state, _ = begun()
        caller, _ = publish()

        assert begun()[0] is state
        assert peek() is state
        assert state.outcomes == {"alice": caller}


def test_another_request_in_the_same_app_context_has_another(app: Flask) -> None:
    """An app context that outlives a request does not hand its state to the next one."""
    with app.app_context():
        with app.test_request_context():
            publish()
            first = peek()
        with app.test_request_context():
            assert peek() is None
            assert not current_principal
            assert not is_authenticated()
            assert begun()[0] is not first
            assert published() == (False, None, None)


def test_publish_sets_the_documented_attributes(app: Flask) -> None:
    """Token and claims stand on flask.g by the names of the documentation."""
    with app.test_request_context():
        caller, _ = publish()

        assert published() == (True, "token of alice", {"sub": "alice"})
        assert g.json_token is caller.claims
        assert current_principal == caller
        assert is_authenticated()


def test_a_decision_begins_with_nobody(app: Flask) -> None:
    """While another decision is made the request has no caller, by whichever way one asks."""
    with app.test_request_context():
        publish()
        begun()

        assert published() == (False, None, None)
        assert not current_principal
        assert not is_authenticated()


def test_what_was_published_can_be_published_again(app: Flask) -> None:
    """After an inner decision what stood there, the application's own assignments included, comes back."""
    with app.test_request_context():
        publish("alice")
        g.json_token = {"sub": "renamed"}
        _, restore = publish("bob")
        assert current_principal.subject == "bob"
        assert restore is not None
        restore()

        assert published() == (True, "token of alice", {"sub": "renamed"})
        assert current_principal.subject == "alice"


def test_attributes_that_were_deleted_are_borne(app: Flask) -> None:
    """An application may drop the token from flask.g; a nested view does not fail over that."""
    with app.test_request_context():
        publish()
        del g.raw_token
        _, restore = begun()
        assert restore is not None
        restore()

        assert published() == (True, None, {"sub": "alice"})


def test_peek_changes_nothing(app: Flask) -> None:
    """Looking for a state makes none, with or without a context."""
    assert peek() is None
    with app.app_context():
        assert peek() is None
    with app.test_request_context():
        assert peek() is None
        assert "authenticated" not in g
        state, _ = begun()
        assert peek() is state


def test_is_authenticated_needs_no_context(app: Flask) -> None:
    """Where nothing was decided, the answer is False and no error."""
    assert is_authenticated() is False
    with app.app_context():
        assert is_authenticated() is False
    with app.test_request_context():
        assert is_authenticated() is False


def test_is_authenticated_answers_a_bool(app: Flask) -> None:
    """What an application assigned to flask.g.authenticated counts, as True or False."""
    with app.test_request_context():
        begun()
        g.authenticated = "yes"
        assert is_authenticated() is True
        g.authenticated = None
        assert is_authenticated() is False
        del g.authenticated
        assert is_authenticated() is False


def test_current_request_is_no_proxy(app: Flask) -> None:
    """The request itself is answered, which does not change under whoever keeps it."""
    with app.test_request_context("/path"):
        assert type(current_request()) is app.request_class
        assert current_request() == request
        assert current_flask_app() is app


def test_outside_of_a_request_flask_tells_what_is_wrong() -> None:
    """Without a request, Flask's own error comes."""
    with pytest.raises(RuntimeError, match="outside of request context"):
        current_request()
    with pytest.raises(RuntimeError, match="outside of application context"):
        current_flask_app()
