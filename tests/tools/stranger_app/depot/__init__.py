"""The API of a parcel depot."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from flask_jwtlib import public

from . import settings
from .parcels import parcels
from .security import auth
from .shifts import shifts


def create_app(overrides: dict[str, object] | None = None) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config.from_object(settings)
    app.config.from_prefixed_env("DEPOT")
    app.config.update(overrides or {})
    auth.init_app(app)
    app.register_blueprint(parcels, url_prefix="/api/parcels")
    app.register_blueprint(shifts, url_prefix="/api/shifts")
    app.add_url_rule("/healthz", "healthz", healthz)
    app.register_error_handler(HTTPException, as_json)
    return app


@public
def healthz() -> str:
    return "ok"


def as_json(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.name), error.code or 500
