"""Three months of the demo estate: readings, bills and payments, one leak, one debtor.

What the meters showed at the last midnight is where the simulated ones go on.
"""

import calendar
import random
from datetime import timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from demo_estate import DEBTOR, LEAK, SILENT, SLOW

CENT = Decimal("0.01")
# The leak: a pipe bursts on this day of last month, and drips ever since.
BURST_DAY, BURST, DRIP = 20, Decimal("36.40"), Decimal("1.50")
CREDIT = Decimal("35.60")
# What a master shows for each kilowatt-hour of the meters behind it.
LINE_LOSS = Decimal("1.031")
DELAY, SLOW_DELAY = 30, 1500
KEPT_FREEZES = 10


class History:
    def __init__(self, env, estate):
        self.env = env
        self.estate = estate
        self.random = random.Random(645188)
        self.curves = {}

    def create(self):
        self._create_readings()
        for months in (3, 2):
            self._bill(self.estate.today + relativedelta(months=-months, day=1))

    # --- readings --------------------------------------------------------------------

    def _create_readings(self):
        """Take daily freezes in through the one door; old meters are read by eye."""
        days = self._days()
        midnights = {day: self.estate.community._local_midnight(day) for day in days}
        rows = []
        for supply, start in zip(
            self.estate.supplies, self.estate.start_indexes, strict=True
        ):
            start = Decimal(str(start))
            if supply.point.kind == "master":
                curve = self._curve_of_master(supply.point, start, days)
            else:
                curve = self._curve(supply, start, days)
            self.curves[supply.meter] = curve
            rows += [
                {
                    "meter_id": supply.meter.id,
                    "read_at": midnights[day],
                    "kind": "daily",
                    "source": "remote" if supply.link else "handheld",
                    "index": index,
                }
                for day, index in curve.items()
                if supply.link or day.day == 1
            ]
        self.env["amr.reading"]._ingest(rows)

    def _days(self):
        first, today = self.estate.first_day, self.estate.today
        return [first + timedelta(days=n) for n in range((today - first).days + 1)]

    def _curve(self, supply, index, days):
        """Return the index at the midnight that each day begins with."""
        level = Decimal(self.random.randrange(60, 140)) / 100
        curve = {}
        for day in days:
            curve[day] = index
            index += self._use_of_day(supply, level, day)
        return curve

    def _curve_of_master(self, point, index, days):
        """Return what a master showed: the sum of those behind it, and the losses."""
        subs = [self.curves[meter] for meter in point.child_ids.meter_id]
        curve = {}
        for day in days:
            used = sum(sub[day] - sub[days[0]] for sub in subs)
            curve[day] = index + (used * LINE_LOSS).quantize(CENT)
        return curve

    def _use_of_day(self, supply, level, day):
        """Return what a household uses on a day: more at weekends, and by chance."""
        electric = supply.utility == self.estate.electricity
        use = Decimal("7.2") if electric else Decimal("0.34")
        use *= level * Decimal(self.random.randrange(70, 131)) / 100
        if calendar.weekday(day.year, day.month, day.day) > 4:
            use *= Decimal("1.25")
        if supply.room == LEAK and not electric:
            use += self._leak(day)
        return use.quantize(CENT)

    def _leak(self, day):
        burst = self.estate.today + relativedelta(months=-1, day=BURST_DAY)
        if day == burst:
            return BURST
        return DRIP if day > burst else Decimal(0)

    # --- bills -----------------------------------------------------------------------

    def _bill(self, month):
        """Bill a month and let all pay but the debtor."""
        estate = self.estate
        billed_on = month + relativedelta(months=1, day=3)
        run = self.env["amr.billing.run"].create(
            {
                "community_id": estate.community.id,
                "date_from": month,
                "user_id": estate.community.user_id.id,
                "invoice_date": min(billed_on, estate.today),
            }
        )
        run._run_now()
        debtor = estate.accounts[DEBTOR]
        bills = run.move_ids.filtered(lambda bill: bill.amr_account_id != debtor)
        self._pay(bills, min(billed_on + timedelta(days=5), estate.today))

    def _pay(self, bills, day):
        """Register a bank transfer for each bill."""
        bank = self.env["account.journal"].search([("type", "=", "bank")], limit=1)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=bills.ids
        ).create(
            {"journal_id": bank.id, "payment_date": day, "group_payment": False}
        )._create_payments()

    # --- simulated meters ------------------------------------------------------------

    def simulator(self):
        """Return the simulator's configuration: terminals, the meters behind them."""
        by_link = {}
        for supply in self.estate.supplies:
            if supply.link:
                by_link.setdefault(supply.link, []).append(self._simulated(supply))
        terminals = {"dtu": [], "concentrator": []}
        for link, meters in by_link.items():
            terminals[link.kind].append(
                {"terminal": link.terminal, "heartbeat": 30, "meters": meters}
            )
        return {
            "utc_offset": 8,
            "dtus": terminals["dtu"],
            "concentrators": terminals["concentrator"],
        }

    def _simulated(self, supply):
        """Return one meter that counts on from the last midnight's index."""
        curve = self.curves[supply.meter]
        days = sorted(curve)
        midnight = self.estate.community._local_midnight(days[-1])
        seconds = calendar.timegm(midnight.timetuple())
        last = str(curve[days[-1]])
        electric = supply.utility == self.estate.electricity
        meter = {
            "protocol": supply.meter.protocol,
            "address": supply.meter.address,
            "index": last,
            "per_hour": str(self._per_hour(curve, days)),
            "delay_ms": SLOW_DELAY if supply.room in SLOW and electric else DELAY,
            "silent": supply.room == SILENT and not electric,
            "at": seconds,
            "origin_at": seconds,
            "origin_index": last,
            "freezes": {
                day.isoformat(): str(curve[day]) for day in days[-KEPT_FREEZES:]
            },
        }
        if supply.meter.collector_id:
            meter["point"] = supply.meter.measuring_point
            meter["collector"] = supply.meter.collector_id._get_archive_number()
        if supply.meter.prepaid:
            meter |= {
                "prepaid": True,
                "balance": str(CREDIT),
                "purchase_no": 0,
                "customer_no": supply.agreement.account_id.number,
            }
        return meter

    def _per_hour(self, curve, days):
        week = days[-8:]
        use = curve[week[-1]] - curve[week[0]]
        return (use / (len(week) - 1) / 24).quantize(Decimal("0.0001"))
