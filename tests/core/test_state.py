from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, g, request

from flask_jwtlib import BearerToken, Claims, Principal, current_principal, is_authenticated
from flask_jwtlib._flask.state import (
    RequestState,
    begin_decision,
    current_context,
    current_flask_app,
    current_g,
    current_request,
    current_state,
)


def principal(subject: str = "alice") -> Principal:
    """Make a caller."""
    return Principal(BearerToken(f"token of {subject}"), Claims({"sub": subject}, checked_at=0))


def begun() -> tuple[RequestState, Callable[[], None] | None]:
    """Begin a decision about the current request."""
    return begin_decision(current_context(), vars(current_g()))


def publish(subject: str = "alice") -> tuple[Principal, Callable[[], None] | None]:
    """Publish a caller as an authenticator does, and return a function that restores the previous state."""
    caller = principal(subject)
    state, restore = begun()
    state.outcomes[subject] = caller
    state.publish(caller, vars(current_g()))
    return caller, restore


def published() -> tuple[object, object, object]:
    """Return the attributes of ``flask.g``."""
    return g.authenticated, g.raw_token, g.json_token


def test_a_new_state_has_no_caller(app: Flask) -> None:
    """A new request's state has no caller, no decision and no note."""
    with app.test_request_context():
        state, restore = begun()

        assert state.principal is None
        assert state.outcomes == {}
        assert state.notes is None
        assert restore is None
        assert published() == (False, None, None)


def test_a_request_has_one_state(app: Flask) -> None:
    """Beginning again in the same request returns the same state, with its decisions."""
    with app.test_request_context():
        state, _ = begun()
        caller, _ = publish()

        assert begun()[0] is state
        assert current_state() is state
        assert state.outcomes == {"alice": caller}


def test_another_request_in_the_same_app_context_has_its_own_state(app: Flask) -> None:
    """An app context that outlives a request doesn't pass its state to the next one."""
    with app.app_context():
        with app.test_request_context():
            publish()
            first = current_state()
        with app.test_request_context():
            assert current_state() is None
            assert not current_principal
            assert not is_authenticated()
            assert begun()[0] is not first
            assert published() == (False, None, None)


def test_publish_sets_the_documented_attributes(app: Flask) -> None:
    """Token and claims are set on ``flask.g`` under the documented names."""
    with app.test_request_context():
        caller, _ = publish()

        assert published() == (True, "token of alice", {"sub": "alice"})
        assert g.json_token is caller.claims
        assert current_principal == caller
        assert is_authenticated()


def test_a_decision_begins_without_a_caller(app: Flask) -> None:
    """While another decision is made, the request has no caller in any API."""
    with app.test_request_context():
        publish()
        begun()

        assert published() == (False, None, None)
        assert not current_principal
        assert not is_authenticated()


def test_a_previous_state_can_be_restored(app: Flask) -> None:
    """After an inner decision, the earlier values come back, even the application's own."""
    with app.test_request_context():
        publish("alice")
        g.json_token = {"sub": "renamed"}
        _, restore = publish("bob")
        assert current_principal.subject == "bob"
        assert restore is not None
        restore()

        assert published() == (True, "token of alice", {"sub": "renamed"})
        assert current_principal.subject == "alice"


def test_deleted_attributes_are_tolerated(app: Flask) -> None:
    """An application may delete the token from ``flask.g`` before a nested view ends."""
    with app.test_request_context():
        publish()
        del g.raw_token
        _, restore = begun()
        assert restore is not None
        restore()

        assert published() == (True, None, {"sub": "alice"})


def test_reading_the_state_changes_nothing(app: Flask) -> None:
    """Reading the state creates none, with or without a context."""
    assert current_state() is None
    with app.app_context():
        assert current_state() is None
    with app.test_request_context():
        assert current_state() is None
        assert "authenticated" not in g
        state, _ = begun()
        assert current_state() is state


def test_is_authenticated_needs_no_context(app: Flask) -> None:
    """Without a decision, it returns False and raises nothing."""
    assert is_authenticated() is False
    with app.app_context():
        assert is_authenticated() is False
    with app.test_request_context():
        assert is_authenticated() is False


def test_is_authenticated_returns_a_bool(app: Flask) -> None:
    """The value that an application assigned to ``flask.g.authenticated`` is returned as True or False."""
    with app.test_request_context():
        begun()
        g.authenticated = "yes"
        assert is_authenticated() is True
        g.authenticated = None
        assert is_authenticated() is False
        del g.authenticated
        assert is_authenticated() is False


def test_current_request_is_not_a_proxy(app: Flask) -> None:
    """It returns the request itself, which stays the same object in other contexts."""
    with app.test_request_context("/path"):
        assert type(current_request()) is app.request_class
        assert current_request() == request
        assert current_flask_app() is app


def test_outside_of_a_request_flasks_error_is_raised() -> None:
    """Without a request, Flask's own error is raised."""
    with pytest.raises(RuntimeError, match="outside of request context"):
        current_request()
    with pytest.raises(RuntimeError, match="outside of application context"):
        current_flask_app()
