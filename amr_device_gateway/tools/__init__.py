from .clock import (
    MAX_ADJUSTMENT,
    RIGHT_WITHIN,
    ClockReader,
    drift_of,
    local_time,
    until_settable,
)
from .exchange import (
    AFTER,
    HEAD_END_AWAY,
    NO_TURN,
    NOT_SENT,
    OFFLINE,
    PERHAPS_SENT,
    Exchange,
    error_code,
    exchange,
    nothing_sent,
    open_client,
    open_head_end,
    word_for,
)
from .frame_reader import AHEAD, FRESH, PER_REQUEST, FrameRequest, utc_of, wrong_time
from .jobs import hasten
from .parameters import count, max_tries, seconds
from .settings import GatewaySettings, gateway_settings
from .results import MeterResult
from .slice_reader import MeterRequest, SliceReader
