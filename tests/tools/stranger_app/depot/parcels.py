"""Where the parcels are."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, abort, request
from flask.views import MethodView

from flask_jwtlib import current_principal

from .security import READ, SCAN, auth

parcels = Blueprint("parcels", __name__)

_places: dict[str, list[str]] = {"P-1": ["Hamburg", "Bremen"], "P-2": ["Berlin"]}


@parcels.get("/")
@auth.requires_authentication(rules=[READ])
def search():
    prefix = request.args.get("prefix", "")
    return {"parcels": sorted(code for code in _places if code.startswith(prefix))}


class Parcel(MethodView):
    decorators = [auth.requires_authentication(rules=[READ])]

    def get(self, code: str):
        return {"code": code, "places": _places.get(code) or abort(HTTPStatus.NOT_FOUND)}


class Scans(MethodView):
    init_every_request = False

    @auth.requires_authentication(rules=[SCAN])
    def post(self, code: str):
        _places.setdefault(code, []).append(request.get_json()["place"])
        return {"by": current_principal.subject}, HTTPStatus.CREATED


parcels.add_url_rule("/<code>", view_func=Parcel.as_view("parcel"))
parcels.add_url_rule("/<code>/scans", view_func=Scans.as_view("scans"))
