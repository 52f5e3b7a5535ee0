"""``flask jwtlib api-key``: a new API key and its digest."""

from __future__ import annotations

import json

import click

from flask_jwtlib import ConfigurationError

from ..validators.api_keys import api_key_digest, generate_api_key

__all__ = ["api_key"]


@click.command("api-key")
@click.option("--prefix", default="apikey", show_default=True, help="The beginning of the key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def api_key(prefix: str, as_json: bool) -> None:
    """Generate an API key, and print it and its digest.

    Give the key to its owner: it is stored nowhere and can't be shown again. Store the digest, in an
    APIKeyRecord.
    """
    try:
        key = generate_api_key(prefix)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--prefix") from error
    digest = api_key_digest(key)
    if as_json:
        click.echo(json.dumps({"key": key, "digest": digest}, indent=2))
    else:
        click.echo(f"Key:     {key}\nDigest:  {digest}")
