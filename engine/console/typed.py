"""What an operator types: paths."""

from pathlib import Path

from engine.errors import BadInput


def path_of(text: str, fix: str) -> Path:
    """The path that was typed, `~` and `~user` considered. Raises BadInput, `fix` says what is wanted."""
    text = text.strip()
    if not text:
        raise BadInput("no path", why="the field is empty", fix=fix)
    if not text.isprintable():
        raise BadInput("cannot use", on=ascii(text), why="it has control characters", fix=fix)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise BadInput("cannot use", on=text, why="there is no such user here", fix=fix) from error
