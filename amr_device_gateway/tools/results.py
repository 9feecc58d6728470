"""What became of the meters that were asked. No ORM here."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class MeterResult:
    """Indexes of one meter by register, or the reason why there are none."""

    meter_id: int
    kind: str
    read_at: datetime
    indexes: dict = field(default_factory=dict)
    error: str | None = None
