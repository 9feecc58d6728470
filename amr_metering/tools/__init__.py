from .span_usage import span_usage_sql
