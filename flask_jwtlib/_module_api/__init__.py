"""The documented module API as one composition of the framework, with its callbacks as strategies."""

from __future__ import annotations

from .api import ModuleAPI
from .callbacks import Callbacks, CallbackTokenValidator

__all__ = ["CallbackTokenValidator", "Callbacks", "ModuleAPI"]
