from . import amr_usage_mixin
from . import amr_usage_day
from . import amr_usage_matrix
from . import amr_usage_month
from . import amr_usage_range
from . import amr_loss_report
from . import amr_interval_usage
from . import amr_meter
