"""The contracts as one function."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from ...errors import ConfigurationError
from ...interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from ...log_text import error_text
from ..issuer import TokenIssuer
from ._samples import Arguments, key_samples, request_samples, token_samples
from .extractor import TokenExtractorContract
from .failure_handler import FailureHandlerContract
from .key_provider import KeyProviderContract
from .validator import TokenValidatorContract

__all__ = ["ContractError", "check"]

_PACKAGE = Path(__file__).parents[2]


class ContractError(AssertionError):
    """A strategy breaks its contract. The text says which promises, what was given, and what came back.

    Attributes:
        failures: What the failed tests of the contract raised, by their names.
    """

    def __init__(self, message: str, failures: Mapping[str, Exception]) -> None:
        super().__init__(message)
        self.failures = dict(failures)


@frozen
class _Kind:
    """One of the four kinds of strategies."""

    interface: type
    contract: type
    make: str
    samples: Callable[[Arguments], Mapping[str, Any]]


_KINDS = (
    _Kind(TokenExtractor, TokenExtractorContract, "make_extractor", request_samples),
    _Kind(KeyProvider, KeyProviderContract, "make_provider", key_samples),
    _Kind(TokenValidator, TokenValidatorContract, "make_validator", token_samples),
    _Kind(FailureHandler, FailureHandlerContract, "make_handler", lambda _: {}),
)


def check(strategy: object, *, issuer: TokenIssuer | None = None, **samples: Any) -> None:
    """Check that a strategy keeps all promises of its kind, by running the tests of its contract.

    ::

        check(TicketExtractor(), request_with=lambda token: make_request(headers={"X-Ticket": token}))
        check(TableKeyProvider(…), issuer=issuer)
        check(RevocationValidator(…), issuer=issuer)
        check(CompanyErrors())

    Args:
        strategy: A token extractor, key provider, token validator or failure handler.
        issuer: For a key provider: an issuer whose key it has. For a validator: an issuer whose tokens it
            accepts; by default one that is made from its rules, as ``lend_keys`` does.
        **samples: What the methods of the contract make, by their names, and its attributes. For an
            extractor, ``request_with`` makes a request with a token; by default the usual places are tried.
            For a validator of other tokens than JWTs, ``good_token``, ``expired_token`` and ``forged_token``
            make its tokens.

    Raises:
        ContractError: The strategy breaks its contract.
        ConfigurationError: The strategy has none of the four interfaces, or several; or a sample is missing,
            or isn't one of the contract's.
    """
    kind = _kind_of(strategy)
    name = kind.contract.__name__
    known = {
        each
        for each in dir(kind.contract)
        if not each.startswith(("_", "test_")) and each != kind.make
    }
    if unknown := sorted(samples.keys() - known):
        raise ConfigurationError(
            f"check was given {', '.join(unknown)}, expected samples of {name}: {', '.join(sorted(known))}"
        )
    given = {**kind.samples(Arguments(strategy, issuer, samples)), **samples}
    members = {
        each: staticmethod(value) if callable(value) else value
        for each, value in {**given, kind.make: lambda: strategy}.items()
    }
    made = type(name, (kind.contract,), members)
    if missing := sorted(getattr(made, "__abstractmethods__", ())):
        instead = "issuer=…, or " if kind.interface is KeyProvider else ""
        raise ConfigurationError(
            f"check needs {instead}{' and '.join(f'{each}=…' for each in missing)} for "
            f"{type(strategy).__name__}; {name} says what each makes"
        )
    failures = failures_of(made())
    if failures:
        raise ContractError(_report(strategy, kind.contract, failures), failures)


def failures_of(contract: object) -> dict[str, Exception]:
    """Run the tests of a contract. Return what the failed ones raised, by their names."""
    failures: dict[str, Exception] = {}
    for name in _tests_of(contract):
        try:
            getattr(contract, name)()
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises, it breaks its contract
            failures[name] = error
    return failures


def _tests_of(contract: object) -> list[str]:
    classes = (contract if isinstance(contract, type) else type(contract)).__mro__
    return [name for each in classes for name in vars(each) if name.startswith("test_")]


def _kind_of(strategy: object) -> _Kind:
    if isinstance(strategy, type):
        raise ConfigurationError(
            f"check was given the class {strategy.__name__}, expected an object: {strategy.__name__}(…)"
        )
    kinds = [kind for kind in _KINDS if isinstance(strategy, kind.interface)]
    if len(kinds) == 1:
        return kinds[0]
    name = type(strategy).__name__
    if kinds:
        raise ConfigurationError(
            f"{name} is {' and '.join(f'a {kind.interface.__name__}' for kind in kinds)}: inherit from the "
            "contract of each, in flask_jwtlib.testing.contracts"
        )
    raise ConfigurationError(
        f"{name} has none of the four interfaces: extract(request), keys_for(header), validate(token, keys), "
        "or deny(error) and anonymous(error)"
    )


def _report(strategy: object, contract: type, failures: Mapping[str, Exception]) -> str:
    tests = _tests_of(contract)
    count = f"{len(failures)} of the {len(tests)} promises of {contract.__name__}"
    lines = [f"{type(strategy).__name__} breaks {count}:"]
    for number, (name, error) in enumerate(failures.items(), 1):
        promise = (inspect.getdoc(getattr(contract, name)) or name).partition("\n")[0]
        lines += ["", f"{number}. {promise} ({name})", f"   {_shown(error)}"]
        if error.__cause__ is not None:
            lines.append(f"   caused by {_shown(error.__cause__)}")
    return "\n".join(lines)


def _shown(error: BaseException) -> str:
    """Show an error: what it says, and where the strategy raised it."""
    text = error_text(error)
    if isinstance(error, AssertionError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename))]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"


def _is_own(file: Path) -> bool:
    """Return whether a file belongs neither to this package nor to another installed one."""
    return _PACKAGE not in file.parents and "site-packages" not in file.parts
