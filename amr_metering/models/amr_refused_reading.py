import json

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import sift, sift_values

# Data are kept ten years and more (S3 五), and an old list may be handed over; what is
# further away is the clock of a device that lost its battery.
OLDEST, NEWEST = relativedelta(years=20), relativedelta(months=1)
NAMED = {"meter_id", "address"}
SHOWN = 100  # characters of what a device claimed


class AmrRefusedReading(models.Model):
    """Refused row: what was delivered and cannot be a reading at all.

    Its index is no number, or its time cannot be. It is kept as it came, and raised,
    so that one row of a device that went wild keeps no other out.
    """

    _name = "amr.refused.reading"
    _inherit = "amr.evidence.mixin"
    _description = "Refused row"
    _order = "received_at desc, id desc"
    _rec_name = "value"
    _log_access = False
    _evidence = frozenset({"meter_id", "address", "why", "stamp", "value", "content"})

    meter_id = fields.Many2one(
        "amr.meter", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    address = fields.Char("Communication address", readonly=True)
    why = fields.Selection(
        [
            ("index", "No index"),
            ("time", "Impossible time"),
            ("value", "Impossible value"),
        ],
        required=True,
        readonly=True,
    )
    stamp = fields.Char("Time as delivered", readonly=True)
    value = fields.Char("Index as delivered", readonly=True)
    register = fields.Char(readonly=True)
    kind = fields.Char(readonly=True)
    source = fields.Char(readonly=True)
    content = fields.Text("As delivered", required=True, readonly=True)
    received_at = fields.Datetime("Received", required=True, readonly=True)
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)

    _once = models.UniqueIndex(
        "(company_id, COALESCE(meter_id, 0), COALESCE(address, ''), md5(content))",
        "This row is kept already.",
    )

    # === At the door === #

    @api.model
    def _get_bounds(self):
        """Return between which times a reading can be (naive UTC)."""
        now = fields.Datetime.now()
        return now - OLDEST, now + NEWEST

    @api.model
    def _sift(self, rows):
        """Keep and raise the rows of a delivery that cannot be readings.

        :param list rows: as of ``amr.reading._ingest``
        :return: the other rows, and how many were refused
        """
        good, refused = sift(rows, *self._get_bounds())
        self._keep(refused)
        return good, len(refused)

    @api.model
    def _sift_values(self, rows, names):
        """Do the same for measured values (``amr.snapshot._ingest``)."""
        good, refused = sift_values(rows, names, *self._get_bounds())
        self._keep(refused)
        return good

    @api.model
    def _check(self, rows):
        """Check rows that somebody typed.

        :raises UserError: one cannot be a reading
        """
        __, refused = sift(rows, *self._get_bounds())
        for row, why in refused:
            meter = self.env["amr.meter"].browse(row.get("meter_id") or ()).exists()
            name = meter.number or row.get("address") or "?"
            raise UserError(
                self.env._(
                    "Meter %(meter)s: “%(index)s” is no index. Give the number that "
                    "the register shows, from 0 on.",
                    meter=name,
                    index=row["index"],
                )
                if why == "index"
                else self.env._(
                    "Meter %(meter)s: nothing can have been read at %(time)s. Correct "
                    "the date.",
                    meter=name,
                    time=row["read_at"],
                )
            )

    # === Keeping and raising === #

    @api.model
    def _keep(self, refused):
        """Keep rows as they came, and raise each meter once.

        What came in before is kept once, and not raised again.

        :param list refused: ``(row, why)``
        """
        if not refused:
            return
        self = self.sudo()
        meters = self._find_meters([row for row, _why in refused])
        new = self.env.cr.execute_values(
            """
            INSERT INTO amr_refused_reading (
                meter_id, address, why, stamp, value, register, kind, source, content,
                received_at, community_id, company_id)
            VALUES %s ON CONFLICT DO NOTHING RETURNING id
            """,
            [
                self._prepare_values(row, why, meter)
                for (row, why), meter in zip(refused, meters, strict=True)
            ],
            page_size=len(refused),
            fetch=True,
        )
        self.browse(row[0] for row in new)._raise()

    @api.model
    def _find_meters(self, rows):
        """Return the meter of each row, by its id or its address in this company."""
        Meter = self.env["amr.meter"]
        addresses = {row["address"] for row in rows if row.get("address")}
        domain = [
            ("address", "in", list(addresses)),
            ("company_id", "=", self.env.company.id),
        ]
        found = {meter.address: meter for meter in Meter.search(domain)}
        return [
            Meter.browse(row["meter_id"])
            if row.get("meter_id")
            else found.get(row.get("address"), Meter)
            for row in rows
        ]

    @api.model
    def _prepare_values(self, row, why, meter):
        content = {name: str(row[name]) for name in sorted(row.keys() - NAMED)}
        shown = {name: text[:SHOWN] for name, text in content.items()}
        return (
            meter.id or None,
            None if meter else str(row.get("address") or "?")[:SHOWN],
            why,
            shown["read_at"],
            shown.get("index"),
            shown.get("register", "total"),
            shown.get("kind"),
            shown.get("source"),
            json.dumps(content),
            fields.Datetime.now(),
            meter.community_id.id or None,
            (meter.company_id or self.env.company).id,
        )

    def _raise(self):
        """Open or extend one exception a meter, or an address that no meter has."""
        self.env["amr.exception"].sudo()._raise_all(
            [
                {
                    "kind": "refused",
                    "meter": meter,
                    "origin": address,
                    "company": company,
                    "reason": rows._describe(),
                }
                for (meter, address, company, _why), rows in self.grouped(
                    lambda row: (row.meter_id, row.address, row.company_id, row.why)
                ).items()
            ]
        )

    def _describe(self):
        """Put into one sentence what these rows of one meter have in common."""
        first = self[0]
        texts = {
            "index": self.env._(
                "Meter %(meter)s: “%(value)s” of %(stamp)s (UTC) is no index. Read it "
                "again; if it stays so, check its protocol and wiring. Rows left out: "
                "%(count)s."
            ),
            "time": self.env._(
                "Meter %(meter)s: %(value)s is stamped %(stamp)s (UTC), which cannot "
                "be. Set the clock of the meter, then read it again. Rows left out: "
                "%(count)s."
            ),
            "value": self.env._(
                "Meter %(meter)s: what it measured at %(stamp)s (UTC) is no number. "
                "Check its protocol and wiring. Rows left out: %(count)s."
            ),
        }
        return texts[first.why] % {
            "meter": first.meter_id.number or first.address,
            "value": first.value or "",
            "stamp": first.stamp,
            "count": len(self),
        }
