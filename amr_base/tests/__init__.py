from . import test_estate, test_scope, test_tariff
