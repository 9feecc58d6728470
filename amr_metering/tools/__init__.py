from .span_usage import span_usage_sql
from .schedule import next_run
