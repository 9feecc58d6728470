from decimal import Decimal

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.amr_base.models.amr_tariff_line import REGISTERS
from odoo.addons.amr_base.tools import dec

from ..tools import KnownFloat

RATE_LABELS = [(name, label) for name, label in REGISTERS if name != "total"]
RATES = tuple(name for name, _label in RATE_LABELS)

# What each rate last showed since a moment, by the newest usable value of either store:
# one step into the index of each, however much a meter has sent. At one moment the
# reading counts before the hour. Hours are looked for next to the meter's last reading
# only, not in the partitions of other years: each midnight of theirs is a reading.
LAST_SQL = """
    SELECT m.id AS meter_id, g.register, k.index, k.read_at
      FROM amr_meter m
      LEFT JOIN amr_installation i ON i.meter_id = m.id AND i.date_to IS NULL
     CROSS JOIN unnest(%(rates)s::varchar[]) AS g(register)
     CROSS JOIN LATERAL (
        SELECT index, read_at FROM (
            (SELECT index, read_at, 1 AS rank FROM amr_reading
              WHERE meter_id = m.id AND register = g.register
                AND superseded_by_id IS NULL AND quality <> 'suspect'
                AND quality = ANY(%(qualities)s)
                AND read_at >= COALESCE(i.date_from, '-infinity')
              ORDER BY read_at DESC, id DESC LIMIT 1)
            UNION ALL
            (SELECT index, read_at, 2 FROM amr_interval
              WHERE meter_id = m.id AND register = g.register
                AND quality = ANY(%(qualities)s)
                AND read_at >= COALESCE(i.date_from, '-infinity')
                AND read_at >= COALESCE(m.latest_at - interval '40 days', '-infinity')
              ORDER BY read_at DESC LIMIT 1)) newest
         ORDER BY read_at DESC, rank LIMIT 1) k
     WHERE m.id = ANY(%(ids)s)
     ORDER BY m.id, g.register
"""

# The total less its rates at the last moment at which all of them are known, in either
# store. Where one shows two indexes at a moment, all are taken of the same kind if they
# can be.
DISTANCE_SQL = """
    WITH since AS (
        SELECT COALESCE(max(date_from), '-infinity') AS at FROM amr_installation
         WHERE meter_id = %(meter)s AND date_to IS NULL
    ), shown AS (
        SELECT DISTINCT ON (read_at, register) read_at, register, index FROM (
            SELECT read_at, register, index, id,
                   CASE WHEN kind IN ('daily', 'monthly') THEN 1 ELSE 2 END AS rank
              FROM amr_reading, since
             WHERE meter_id = %(meter)s AND register = ANY(%(registers)s)
               AND superseded_by_id IS NULL AND quality = 'ok' AND read_at >= since.at
             UNION ALL
            SELECT read_at, register, index, id, 3
              FROM amr_interval, since
             WHERE meter_id = %(meter)s AND register = ANY(%(registers)s)
               AND quality = 'ok' AND read_at >= since.at
               AND read_at BETWEEN %(hours_until)s::timestamp - interval '40 days'
                               AND %(hours_until)s) known
         ORDER BY read_at, register, rank, id DESC
    )
    SELECT sum(CASE register WHEN 'total' THEN index ELSE -index END) FROM shown
     GROUP BY read_at HAVING count(*) = cardinality(%(registers)s)
     ORDER BY read_at DESC LIMIT 1
"""


class AmrMeter(models.Model):
    """Rates: the registers of a meter besides its total.

    A part priced by rates is cut where its meter, its customer or its factor changes,
    so there every rate is known. The rates of an installation begin and end with a
    reading of that very moment.
    """

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    for rate, label in RATE_LABELS:
        vars()[f"latest_{rate}"] = KnownFloat(
            label,
            digits="AMR Index",
            compute="_compute_latest_rates",
            aggregator=None,
            help="What this rate showed last; empty when the meter does not send it.",
        )
    del rate, label

    def _compute_latest_rates(self):
        last = self._origin._get_last_rates()
        for meter in self:
            known = last.get(meter._origin.id, {})
            for rate in RATES:
                meter[f"latest_{rate}"] = known[rate][0] if rate in known else False

    def _get_last_rates(self, qualities=("ok",)):
        """Return what each rate last showed since the present installation began.

        :param qualities: of the readings that count
        :return: ``{meter_id: {register: (Decimal index, read_at)}}``
        """
        self.env["amr.reading"].flush_model()
        self.env["amr.installation"].flush_model(["meter_id", "date_from", "date_to"])
        self.flush_model(["latest_at"])
        rows = self.env.execute_query(
            SQL(
                LAST_SQL,
                ids=list(self.ids),
                rates=list(RATES),
                qualities=list(qualities),
            )
        )
        last = {meter_id: {} for meter_id in self.ids}
        for meter_id, register, index, read_at in rows:
            last[meter_id][register] = (dec(index), read_at)
        return last

    def _get_asked_rates(self, tariffs):
        """Return what must be read where something changes, and what was read last.

        These are the rates the meter has sent, and those that are priced.

        :param tariffs: of the agreements before and after the change
        :return: ``{register: Decimal index}``, 0 where nothing was read yet
        """
        meter = self._origin
        last = meter._get_last_rates().get(meter.id, {})
        priced = tariffs._get_priced_rates()
        return {
            rate: last[rate][0] if rate in last else Decimal(0)
            for rate in RATES
            if rate in last or rate in priced
        }

    def _read_all(self, moment, index, rates, apart=False):
        """Take in what a person reads off a meter at the moment of a change.

        :param datetime moment: naive UTC
        :param Decimal index: of the total
        :param dict rates: ``{register: Decimal index}``
        :param bool apart: the total of this meter is not the sum of its rates
        :raises UserError: a rate runs backwards or was read otherwise at that very
            moment, or the rates do not make the total
        """
        self._check_rates_forward(moment, rates)
        if rates and not apart:
            self._check_rates_sum(index, rates)
        self._ingest_change(moment, {"total": index, **rates})

    def _ingest_change(self, moment, indexes):
        self.env["amr.reading"]._ingest_typed(
            [
                {
                    "meter_id": self.id,
                    "register": register,
                    "read_at": moment,
                    "kind": "spot",
                    "source": "manual",
                    "index": index,
                }
                for register, index in indexes.items()
            ]
        )

    def _check_rates_forward(self, moment, rates):
        labels = dict(self.env["amr.reading"]._get_labels("register"))
        for rate, (before, read_at) in self._get_last_rates()[self.id].items():
            index = rates.get(rate)
            if index is None:
                continue
            if read_at == moment and index != before:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s: %(rate)s was read %(before)s at %(time)s, at "
                        "that very moment, so it cannot be %(index)s. Take "
                        "%(before)s, or another moment.",
                        meter=self.number,
                        rate=labels[rate],
                        before=before,
                        time=self._format_moment(read_at),
                        index=index,
                    )
                )
            fallen = index < before and not self._is_rolled_over(before, index)
            if fallen or read_at > moment:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s: %(rate)s was read %(before)s at %(time)s; "
                        "%(index)s and its time must not be before that.",
                        meter=self.number,
                        rate=labels[rate],
                        before=before,
                        time=self._format_moment(read_at),
                        index=index,
                    )
                )

    def _check_rates_sum(self, index, rates):
        """Check typed rates against the total, as they stood to it when last read.

        Rates that were switched on later than the total keep their distance. Registers
        turn over each for itself, and each cuts off what is finer than it shows.
        """
        model = self.model_id
        capacity = Decimal(10) ** model.digits
        expected = sum(rates.values()) + self._get_rates_distance(rates)
        # Decimal's remainder keeps the sign: a turned total is less than its rates
        expected = (expected % capacity + capacity) % capacity
        allowed = len(rates) * Decimal(1).scaleb(-model.decimals)
        away = abs(index - expected)
        if min(away, capacity - away) > allowed:
            raise UserError(
                self.env._(
                    "Meter %(meter)s: the rates show %(sum)s together, so the total "
                    "should be %(expected)s, not %(index)s. Read them once more; if "
                    "the meter really shows this, tick “Total is not the sum”.",
                    meter=self.number,
                    sum=sum(rates.values()),
                    expected=expected,
                    index=index,
                )
            )

    def _get_rates_distance(self, rates):
        """Return the total less its rates where all were last known at one moment.

        :param rates: the registers that are asked for
        :return: Decimal, 0 where they were never known together
        """
        last = self._get_last_rates()[self.id]
        if not set(rates) <= set(last):
            return Decimal(0)
        rows = self.env.execute_query(
            SQL(
                DISTANCE_SQL,
                meter=self.id,
                registers=["total", *rates],
                hours_until=max(last[rate][1] for rate in rates),
            )
        )
        return dec(rows[0][0]) if rows else Decimal(0)
