"""The times that fetching key providers share."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, TTLKeyProvider
from flask_jwtlib.key_providers import Refresh, RefreshTimes


def test_its_defaults_are_those_of_the_documentation() -> None:
    """Four hours of stale keys, 2 s for a request, 5 s for a fetch, and a lifetime of 1 to 60 minutes."""
    refresh = Refresh()

    assert (refresh.max_stale, refresh.max_wait, refresh.fetch_timeout) == (14400, 2, 5)
    assert (refresh.min_ttl, refresh.max_ttl) == (60, 3600)


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(None, 300), (0, 60), (59.9, 60), (61, 61), (3601, 3600), (math.inf, 3600)],
)
def test_a_lifetime_stays_within_its_bounds(lifetime: float | None, seconds: float) -> None:
    """A response's lifetime is kept within ``min_ttl`` and ``max_ttl``; without one it is 300 s."""
    assert Refresh().ttl(lifetime) == seconds


def test_a_providers_keyword_arguments_replace_single_fields() -> None:
    """A provider uses its ``refresh``, with the fields that it was given by name."""
    shared = Refresh(max_stale=0, max_wait=1)
    provider = TTLKeyProvider(list, refresh=shared, max_wait=7)

    assert provider.refresh == Refresh(max_stale=0, max_wait=7)
    assert shared == Refresh(max_stale=0, max_wait=1)
    assert TTLKeyProvider(list, refresh=shared).refresh is not shared
    assert TTLKeyProvider(list).refresh == Refresh()


def test_its_fields_are_the_keyword_arguments_that_type_checkers_know() -> None:
    """``RefreshTimes`` names every field of ``Refresh``."""
    assert [*RefreshTimes.__annotations__] == [
        field.name
        for field in Refresh.__attrs_attrs__  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ({"max_stale": -1}, "max_stale"),
        ({"max_wait": "2"}, "max_wait"),
        ({"fetch_timeout": math.nan}, "fetch_timeout"),
        ({"min_ttl": 0}, "min_ttl"),
        ({"max_ttl": 86_401}, "max_ttl"),
        ({"min_ttl": 300, "max_ttl": 299}, "min_ttl can't be larger"),
        ({"clock": 1000}, "clock"),
    ],
)
def test_a_wrong_time_is_a_configuration_error(times: dict[str, Any], fault: str) -> None:
    """The error names the field, whether it was given to ``Refresh`` or as a provider's argument."""
    with pytest.raises(ConfigurationError, match=fault):
        Refresh(**times)
    with pytest.raises(ConfigurationError, match=fault):
        Refresh.of(None, times)


def test_an_unknown_time_is_a_type_error() -> None:
    """A misspelled keyword argument is named."""
    wrong: Any = {"max_stall": 1}
    with pytest.raises(TypeError, match="max_stall"):
        TTLKeyProvider(list, **wrong)


@pytest.mark.parametrize("name", ["min_ttl", "max_ttl"])
def test_a_bound_that_does_not_apply_is_a_type_error(name: str) -> None:
    """``TTLKeyProvider`` has a fixed lifetime, so it refuses the bounds of a response's lifetime."""
    times: Any = {name: 60}
    with pytest.raises(TypeError, match=f"^{name} doesn't apply to this provider$"):
        TTLKeyProvider(list, **times)


@pytest.mark.parametrize("refresh", [300, {"max_stale": 0}, Refresh])
def test_refresh_is_a_refresh(refresh: Any) -> None:
    """Anything else is refused where the provider is made."""
    with pytest.raises(ConfigurationError, match="refresh must be a Refresh"):
        TTLKeyProvider(list, refresh=refresh)


def test_it_is_a_value() -> None:
    """Equal times are equal, and a copy or a pickle is equal too."""
    refresh = Refresh(max_stale=1)

    assert copy.deepcopy(refresh) == pickle.loads(pickle.dumps(refresh)) == refresh
    assert len({refresh, Refresh(max_stale=1)}) == 1
