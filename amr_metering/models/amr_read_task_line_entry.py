"""Readings taken by eye: what the entry screen shows, and what it sends.

Nothing here trusts a float: what was typed comes as text and becomes a Decimal, so that
0 is an index and nothing is empty.
"""

from datetime import timedelta
from decimal import Decimal, InvalidOperation

from odoo import api, fields, models
from odoo.exceptions import UserError

OLDEST_ENTRY = timedelta(days=31)  # that a phone may hold back without a network

# Per meter one line, of the newest task. Expected use: what the meter used per day
# between its oldest and newest usable reading of the last 400 days.
SHEET_SQL = """
    SELECT DISTINCT ON (l.meter_id)
           l.id, l.task_id, l.state, l.error, l.tries, m.number AS meter,
           p.route_sequence, c.name AS community, b.name AS building, o.name AS room,
           b.full_code AS building_code, p.kind AS point_kind, a.number AS account,
           partner.name AS customer, mm.digits, mm.decimals, m.factor::text AS factor,
           u.name AS utility, u.uom_name AS unit,
           COALESCE(m.latest_index, l.previous_index)::text AS previous_index,
           COALESCE(m.latest_at, l.previous_at) AS previous_at,
           h.per_day::text AS per_day,
           extract(epoch FROM %(now)s - COALESCE(m.latest_at, l.previous_at)) / 86400
               AS days,
           v.normal_max::text AS normal_max
      FROM amr_read_task_line l
      JOIN amr_read_task t ON t.id = l.task_id
      JOIN amr_meter m ON m.id = l.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
      JOIN amr_utility u ON u.id = m.utility_id
      LEFT JOIN amr_metering_point p ON p.id = l.point_id
      LEFT JOIN amr_community c ON c.id = l.community_id
      LEFT JOIN amr_building b ON b.id = l.building_id
      LEFT JOIN amr_room o ON o.id = l.room_id
      LEFT JOIN amr_account a ON a.id = l.account_id
      LEFT JOIN res_partner partner ON partner.id = a.partner_id
      LEFT JOIN LATERAL (
          SELECT CASE WHEN EXISTS (  -- as the register moves with its present ratios
                        SELECT 1 FROM amr_installation
                         WHERE meter_id = m.id AND date_to > first.read_at)
                      THEN amr_measured(m.id, 'total', first.read_at, last.read_at,
                                        first.index, last.index, mm.digits) / m.factor
                      ELSE last.index - first.index END
                 / (extract(epoch FROM last.read_at - first.read_at) / 86400)::numeric
                 AS per_day
            FROM (SELECT index, read_at FROM amr_reading
                   WHERE meter_id = m.id AND register = 'total'
                     AND quality <> 'suspect' AND superseded_by_id IS NULL
                   ORDER BY read_at DESC LIMIT 1) last,
                 (SELECT index, read_at FROM amr_reading
                   WHERE meter_id = m.id AND register = 'total'
                     AND quality <> 'suspect' AND superseded_by_id IS NULL
                     AND read_at > %(now)s - INTERVAL '400 days'
                   ORDER BY read_at LIMIT 1) first
           WHERE last.read_at > first.read_at + INTERVAL '1 day'
             AND last.index >= first.index) h ON true
      LEFT JOIN LATERAL (
          SELECT v.normal_max FROM amr_agreement g
            JOIN amr_tariff_version v ON v.tariff_id = g.tariff_id
           WHERE g.point_id = l.point_id AND g.date_from <= %(now)s
             AND (g.date_to IS NULL OR g.date_to > %(now)s) AND v.normal_max > 0
             AND v.date_from <= %(now)s
             AND (v.date_to IS NULL OR v.date_to > %(now)s) LIMIT 1) v ON true
     WHERE l.id = ANY(%(lines)s)
     ORDER BY l.meter_id, l.task_id DESC
"""


class AmrReadTaskLine(models.Model):
    _inherit = "amr.read.task.line"

    @api.model
    def get_entry_sheet(self, task_id=None):
        """Return what is left to people, in the order it is walked.

        :param int task_id: a read task; None: everything in the reader's scope that
            tasks of the last 31 days have left
        :return: ``{"title", "lines"}``; numbers are text
        """
        domain = fields.Domain("state", "in", ("manual", "missing"))
        if task_id:
            domain &= fields.Domain("task_id", "=", task_id)
        else:
            since = fields.Datetime.now() - OLDEST_ENTRY
            # also what other people's tasks have left in his scope
            recent = fields.Domain("started_at", ">=", since)
            domain &= fields.Domain("task_id", "any!", recent)
        lines = self.search(domain)  # as the reader: his scope only
        task = self.env["amr.read.task"].browse(task_id or ())
        # lines of his in it: he may know its name
        title = task.sudo().name if lines and task else self.env._("My reading round")
        return {
            "title": title,
            "lines": self._get_entries(lines),
        }

    @api.model
    def _get_entries(self, lines):
        """Return what is to be known of lines on the way, one of a meter, in order."""
        self.env.flush_all()
        self.env.cr.execute(
            SHEET_SQL, {"lines": lines.ids, "now": fields.Datetime.now()}
        )
        rows = sorted(self.env.cr.dictfetchall(), key=self._walking_order)
        return [self._prepare_entry(row) for row in rows]

    @api.model
    def _walking_order(self, row):
        return (
            row["building_code"] or "",
            row["route_sequence"] or 0,
            row["room"] or "",
            row["meter"],
        )

    @api.model
    def _prepare_entry(self, row):
        lang = self.env.lang or "en_US"
        utility = row.pop("utility") or {}
        row["utility"] = utility.get(lang) or utility.get("en_US", "")
        unit = row.pop("unit") or ""
        if isinstance(unit, dict):
            unit = unit.get(lang) or unit.get("en_US", "")
        row["unit"] = unit
        row["place"] = " ".join(
            filter(None, (row["community"], row["building"], row["room"]))
        )
        row["previous_at"] = fields.Datetime.to_string(row["previous_at"])
        row["days"] = float(row["days"] or 0)
        return row

    # === What the screen sends === #

    def enter(self, text, age=0):
        """Take an index read by eye for this line (KTAMR manual 4.2.5).

        Sent again after a broken connection, the same index is the same reading.

        :param str text: what the register shows, as it was typed
        :param float age: seconds since it was read; a phone without a network sends
            late, and its clock need not be right
        :return: what became of the line
        :raises UserError: no such index can be
        """
        self.ensure_one()
        self.check_access("write")
        index = self._parse_index(text)
        self._check_open(index)
        if self.sudo().state != "done":
            row = {
                "meter_id": self.meter_id.id,
                "read_at": self._get_entry_time(age),
                "kind": "spot",
                "source": "manual",
                "index": index,
            }
            self.task_id.sudo()._record_readings([row])
        return self._get_entry_result()

    def _get_entry_result(self):
        line = self.sudo()
        return {
            "id": line.id,
            "state": line.state,
            "index": str(line.reading_id.index),
            "usage": line.usage,
            "suspect": line.quality == "suspect",
            "reason": self._get_suspicion(line.reading_id),
            "read_at": fields.Datetime.to_string(line.read_at),
        }

    @staticmethod
    def _get_suspicion(reading):
        held = reading.verdict_ids.filtered(lambda one: one.severity == "suspect")
        return " ".join(filter(None, held.mapped("reason")))

    def _check_open(self, index):
        """Refuse an entry for a line that is done with another index, or not begun."""
        line = self.sudo()
        if line.state == "done" and Decimal(str(line.index)) != index:
            raise UserError(
                self.env._(
                    "Meter %(meter)s was read already in this task: %(index)s.",
                    meter=line.meter_id.number,
                    index=line.index,
                )
            )
        if line.task_id.state == "draft":
            raise UserError(self.env._("Start the read task first."))

    def _parse_index(self, text):
        """Return the Decimal that was typed.

        :raises UserError: it is no number the register can show
        """
        try:
            index = Decimal(str(text).strip().replace(",", "."))
        except InvalidOperation:
            index = Decimal("NaN")
        if not index.is_finite():
            raise UserError(
                self.env._(
                    "“%s” is no index. Type the figures of the register, such as 1234 "
                    "or 1234.5.",
                    text,
                )
            )
        model = self.meter_id.model_id.sudo()
        if index < 0 or index >= Decimal(10) ** model.digits:
            raise UserError(
                self.env._(
                    "The register of meter %(meter)s has %(digits)s figures before "
                    "the point; %(index)s cannot be read there.",
                    meter=self.meter_id.number,
                    digits=model.digits,
                    index=text,
                )
            )
        if index != round(index, 3):
            raise UserError(self.env._("An index has at most three decimals."))
        return index

    def _get_entry_time(self, age):
        """Return when an index was read, by the server's clock (naive UTC)."""
        try:
            held = timedelta(seconds=max(float(age), 0))
        except (OverflowError, TypeError, ValueError):
            held = timedelta()
        now = fields.Datetime.now()
        begun = self.sudo().task_id.started_at or now
        return max(now - min(held, OLDEST_ENTRY), min(begun, now))

    def report_unreadable(self, reason):
        """Say why a meter could not be read; somebody must look at it (promise I10).

        :param str reason: what the reader found
        """
        self.ensure_one()
        self.check_access("write")
        line = self.sudo()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the meter cannot be read."))
        if line.state == "done":
            return self._get_entry_result()
        line.write({"state": "missing", "error": reason.strip()[:200]})
        line._raise_missing(
            self.env._(
                "Meter %(meter)s could not be read on site: %(reason)s",
                meter=line.meter_id.number,
                reason=reason.strip()[:200],
            )
        )
        line.task_id._close_if_finished()
        return self._get_entry_result()

    def remember_order(self):
        """Keep the order of these lines as the order the meters are walked in."""
        self.check_access("write")
        for number, line in enumerate(self.sudo(), start=1):
            line.point_id.route_sequence = number
        return True
