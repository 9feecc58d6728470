from . import test_access
from . import test_alarm
from . import test_accounting
from . import test_counter
from . import test_credit
from . import test_online
from . import test_promises
from . import test_quote
