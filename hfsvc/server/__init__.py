"""The server: REST, NDJSON and the Effuse socket over a container. docs/server.md explains it. Needs the extra ``server``."""

from hfsvc.server.app import ServerApp, create_app
from hfsvc.server.limits import Limits
from hfsvc.server.middleware.access import Access

__all__ = ["Access", "Limits", "ServerApp", "create_app"]
