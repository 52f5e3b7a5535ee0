"""Who works when. Foremen see everybody, others themselves."""

from __future__ import annotations

from functools import wraps

from flask import Blueprint, make_response

from flask_jwtlib import current_principal

from .security import FOREMAN, auth

shifts = Blueprint("shifts", __name__)

_plan = {"ada": ["Mon early", "Tue early"], "ben": ["Mon late"]}


def not_stored(view):
    @wraps(view)
    def wrapper(*args, **kwargs):
        response = make_response(view(*args, **kwargs))
        response.headers["Cache-Control"] = "no-store"
        return response

    return wrapper


@shifts.get("/mine")
@auth.requires_authentication
@not_stored
def mine():
    return {"shifts": _plan.get(current_principal.subject, [])}


@auth.requires_authentication(rules=[FOREMAN])
@shifts.get("/everybody")
@not_stored
def everybody():
    return {"shifts": _plan}
