from .opening_check import Meter, check_openings
from .span_usage import span_usage_sql
from .schedule import next_run
from .sieve import sift, sift_values
from .known_float import KnownFloat
from .partitions import ensure_partitions, ensure_partitions_ahead, partition_by_month
from .workbook import make_workbook
