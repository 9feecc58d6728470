from .amount import AmountError, parse_amount
from .chart import bar_chart
