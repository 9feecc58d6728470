from .clock import MAX_ADJUSTMENT, RIGHT_WITHIN, ClockReader, drift_of, local_time
from .exchange import (
    HEAD_END_AWAY,
    OFFLINE,
    Exchange,
    exchange,
    nothing_sent,
    open_client,
    open_head_end,
)
from .frame_reader import FRESH, PER_REQUEST, FrameRequest, utc_of, wrong_time
from .jobs import hasten
from .parameters import max_tries, seconds
from .settings import GatewaySettings, gateway_settings
from .results import MeterResult
from .slice_reader import MeterRequest, SliceReader
