from .amount import AmountError, parse_amount, plain_number
from .chart import bar_chart
from .qr import qr_code
