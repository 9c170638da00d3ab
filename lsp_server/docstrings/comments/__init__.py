"""Comments that describe functions in languages other than Python."""
