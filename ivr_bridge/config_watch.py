"""When a file of `config/` changes: told once for each burst of changes, as an editor makes them."""

from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import DefaultFilter, awatch

QUIET_MS = 300
"""A burst is over when nothing has changed for so long."""


class _YamlOnly(DefaultFilter):
    def __call__(self, change: object, path: str) -> bool:
        """Editors leave all kinds of files beside the one that they write."""
        return path.endswith((".yaml", ".yml")) and super().__call__(change, path)  # type: ignore[arg-type]


async def changed_files(folder: Path) -> AsyncIterator[list[str]]:
    """The names of the YAML files that were written, made or removed; for ever."""
    async for changes in awatch(folder, watch_filter=_YamlOnly(), step=QUIET_MS, recursive=True):
        yield sorted({Path(path).name for _, path in changes})
