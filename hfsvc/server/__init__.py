"""The server: REST, NDJSON and the Effuse socket over a container. docs/server.md explains it. Needs the extra ``server``."""

from hfsvc.server.app import ServerApp, create_app
from hfsvc.server.limits import ServerLimits
from hfsvc.server.middleware.access import ServerAccess, make_access

__all__ = ["ServerAccess", "ServerApp", "ServerLimits", "create_app", "make_access"]
