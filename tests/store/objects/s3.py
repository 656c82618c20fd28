"""An S3 server of this machine, whose answers can be spoiled on the way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3", reason="needs moto[s3,server], which brings it")
moto_server = pytest.importorskip("moto.moto_server.werkzeug_app", reason="needs moto[s3,server]")
pytest.importorskip("obstore", reason="needs the extra `stores`")
from werkzeug.serving import make_server  # noqa: E402

Answer = Callable[[dict[str, Any]], tuple[str, bytes] | None]
"""What is answered instead of the server; None to leave it to the server."""


class LocalS3:
    """moto's S3, over HTTP.

    Attributes:
        requests: ``METHOD path?query`` of each request, as it was answered.
        ignores_conditions: As servers do that know none: every write is taken.
        spoil: Asked before each request what is answered instead.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._arrived = threading.Condition()
        self.spoil: Answer = lambda _: None
        self.ignores_conditions = False
        self._app = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        query = environ["QUERY_STRING"]
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}" + (f"?{query}" if query else "")
        if spoiled := self.spoil(environ):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"].read(length)
            start_response(spoiled[0], [("Content-Length", str(len(spoiled[1])))])
            self._note(request)
            return [spoiled[1]]
        if self.ignores_conditions:
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        answer = self._app(environ, start_response)
        self._note(request)
        return answer

    def _note(self, request: str) -> None:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()

    def wait_for(self, part: str) -> None:
        """Block until a request was answered that has this in its path or query."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: any(part in each for each in self.requests), timeout=30)

    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def keys(self, bucket: str) -> list[str]:
        """What there is to be seen."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def uploads(self, bucket: str) -> list[str]:
        """What was begun and is not complete."""
        return [each["Key"] for each in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running_s3() -> Iterator[LocalS3]:
    server = LocalS3()
    try:
        yield server
    finally:
        server.stop()
