"""What sound on the disk needs of the records: `records.records.Records` is one."""

from collections.abc import Mapping
from typing import Any, Protocol


class RowKeeper(Protocol):
    """Rows by table and key."""

    def put(self, table: str, **values: Any) -> None:
        """A row, or new values of one that is there. Never waits."""
        ...

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """New values for every row that fits; none that was deleted comes back. Never waits."""
        ...

    async def promise(self, table: str, **values: Any) -> None:
        """As `put`, and comes back when it will not be lost any more.

        Raises:
            BridgeError: it cannot be written.
        """
        ...
