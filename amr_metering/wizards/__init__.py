from . import amr_meter_attach
from . import amr_meter_replace
from . import amr_occupancy_change
from . import amr_alarm_acknowledge
from . import amr_excel_file
from . import amr_excel_export
from . import amr_usage_query
from . import amr_reading_estimate
