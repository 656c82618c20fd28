"""Error pages that are no JSON: the HTML of edges and proxies, the XML of an object store."""

HTML = "text/html; charset=utf-8"
XML = "application/xml"
EDGE_PAGE_BYTES = 20_000


def html_page(title: str, size: int = EDGE_PAGE_BYTES) -> str:
    """A page of about `size` bytes, as an edge sends it with an error."""
    filler = "<p>We are sorry, something went wrong. Please try again later.</p>\n"
    head = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>\n"
    return head + filler * max(1, (size - len(head)) // len(filler)) + "</body></html>\n"


def access_denied(message: str = "Access denied", code: str = "AccessDenied") -> str:
    """What a CDN says to an address that is expired, altered or used for another range."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


PORTAL = (
    "<!doctype html>\n<html><head><title>Welcome</title></head>"
    '<body><form method="post">Accept our terms to go online. <button>Accept</button></form></body></html>\n'
)
