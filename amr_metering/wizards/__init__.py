from . import amr_meter_replace
from . import amr_occupancy_change
from . import amr_alarm_acknowledge
