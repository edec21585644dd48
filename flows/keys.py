"""Keys of data sources: from blocks at the Prefect server into one run's environment."""

import os
from typing import Any

from prefect.blocks.abstract import SecretBlock
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect_gcp import GcpSecret


def read_key(variable: str, block: str) -> dict[str, str]:
    """A pull step: puts the key that a block holds into the run's environment, so that it stands in no file and no job.

    Args:
        variable: Environment variable, such as EVENKEEL_EIA_API_KEY.
        block: Name of a GcpSecret or Secret block; with neither, nothing happens (not every use case needs a key).

    Returns:
        `block`: which one it was, or "" (a step must return something; never the key).
    """
    for kind in (GcpSecret, Secret):
        slug = kind.get_block_type_slug()
        if not _exists(slug, block):
            continue
        held: Any = Block.load(f"{slug}/{block}")
        value = held.read_secret() if isinstance(held, SecretBlock) else held.get()
        os.environ[variable] = value.decode().strip() if isinstance(value, bytes) else str(value)
        return {"block": f"{slug}/{block}"}
    return {"block": ""}


def _exists(slug: str, name: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_block_document_by_name(name, slug, include_secrets=False)
        except ObjectNotFound:
            return False
    return True
