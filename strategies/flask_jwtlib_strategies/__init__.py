"""A catalogue of strategies for ``flask_jwtlib``, for what not every application needs.

Each module stands for itself and is imported by its name, such as
``flask_jwtlib_strategies.problem_details``, so that an application loads what it uses and no more.

- ``composite``: several strategies that act as one: ``FirstOfTokenExtractor``, ``ChainKeyProvider``
- ``problem_details``: refusals as RFC 9457 problem details: ``ProblemDetailsHandler``

All of them are written against the public modules of ``flask_jwtlib``, as any application's own
strategies are.
"""

from __future__ import annotations

__all__: list[str] = []
