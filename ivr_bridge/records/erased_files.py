"""Deletes what lies in `var/` of an erased person: recordings, messages, and what the vendor told of conversations."""

from collections.abc import Iterator
from pathlib import Path

CONVERSATIONS = "conversations"


def remove_file(var_dir: Path, name: str) -> list[str]:
    """Delete a file that a row names, and what lies beside it: a sound's note, all of the same conversation.

    Args:
        var_dir: `var/`.
        name: relative to it; one that leads out of it is left alone.

    Returns:
        What was deleted, relative to `var/`.

    Raises:
        OSError: it cannot be deleted.
    """
    path = var_dir / name
    if not path.resolve().is_relative_to(var_dir.resolve()):
        return []
    removed = []
    notes = (path.with_suffix(".json"),) if path.suffix == ".wav" else ()
    for each in (path, *notes, *_of_the_same_conversation(var_dir, path)):
        if each.is_file():
            each.unlink(missing_ok=True)
            removed.append(each.relative_to(var_dir).as_posix())
    return removed


def conversation_files(var_dir: Path, conversation_id: str) -> list[str]:
    """What the vendor told of a conversation, relative to `var/`."""
    folder = var_dir / CONVERSATIONS
    if not conversation_id or "/" in conversation_id:
        return []
    found = (path for path in _of_the_same_conversation(var_dir, folder / f"{conversation_id}.json") if path.is_file())
    return [path.relative_to(var_dir).as_posix() for path in found]


def _of_the_same_conversation(var_dir: Path, path: Path) -> Iterator[Path]:
    """Its other tellings, its audio, and their places among what nobody has worked on yet."""
    folder = var_dir / CONVERSATIONS
    if path.parent != folder:
        return
    stem = path.name.partition(".")[0]
    for place in (folder, folder / "new"):
        if place.is_dir():
            yield from sorted(each for each in place.iterdir() if each.name.partition(".")[0] == stem)
