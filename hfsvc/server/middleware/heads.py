"""HEAD, answered as GET is, without the body: whoever asks for a head has left when it has come."""

from hfsvc.server.asgi import App, Message, Receive, Scope, Send


async def answer_head(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the app answer GET, and send what comes before the body. Answers without an end are ended by it."""
    begun = False

    async def hear() -> Message:
        return {"type": "http.disconnect"} if begun else await receive()

    async def tell(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start":
            begun = True
            await send(message)

    await app({**scope, "method": "GET"}, hear, tell)
    if begun:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
