from . import test_access_walk
from . import test_access
from . import test_account_move
from . import test_billing_run
from . import test_charge
from . import test_report
from . import test_tariff
