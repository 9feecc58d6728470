from . import test_amount, test_chart
