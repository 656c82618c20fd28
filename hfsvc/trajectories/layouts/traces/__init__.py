"""The logs that agents keep of a session, each kind read into messages. Pure."""
