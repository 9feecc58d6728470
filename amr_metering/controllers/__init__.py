from . import report
from . import route_book
