from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import lock_rows
from odoo.addons.amr_metering.models.amr_meter import AmrMeter as Meter
from odoo.addons.amr_metering.report.amr_meter import AmrMeter as CurrentData

from .amr_wallet import RESERVING_STATES


class AmrMeter(models.Model):
    """What a prepaid meter said of its credit decides about money: facts, too."""

    _inherit = "amr.meter"
    _evidence = Meter._evidence | {
        "credit_balance",
        "purchase_no",
        "credit_read_at",
        "credit_series",
        "sold_purchase_no",
    }
    _report_columns = (
        *CurrentData._report_columns,
        "credit_balance",
        "credit_read_at",
    )

    credit_balance = fields.Float(
        "Credit left",
        digits=(12, 2),
        readonly=True,
        copy=False,
        help="In the meter's own units, as it last said.",
    )
    purchase_no = fields.Integer(
        "Purchase number on the meter",
        readonly=True,
        copy=False,
        aggregator=None,
        help="As the meter last said.",
    )
    credit_read_at = fields.Datetime("Credit read", readonly=True, copy=False)
    credit_series = fields.Integer(
        "Opening series",
        default=1,
        readonly=True,
        copy=False,
        aggregator=None,
        help="Grows when the meter is opened anew and counts from the start again.",
    )
    credit_start_no = fields.Integer(
        "Purchases before this system",
        copy=False,
        aggregator=None,
        help="Purchase number the meter had when this system took it over; the first "
        "sale gets the next one.",
    )
    sold_purchase_no = fields.Integer(
        "Last purchase number given",
        readonly=True,
        copy=False,
        aggregator=None,
    )
    vend_ids = fields.One2many("amr.vend", "meter_id", "Prepaid orders")
    vend_count = fields.Integer(
        "Orders", compute="_compute_vend_count", compute_sudo=True
    )

    _start_no_positive = models.Constraint(
        "CHECK (credit_start_no >= 0 AND credit_series > 0)",
        "A purchase number may not be negative.",
    )

    sold_count = fields.Integer("Purchases", compute="_compute_sold", compute_sudo=True)
    sold_quantity = fields.Float(
        "Energy bought",
        digits="AMR Consumption",
        compute="_compute_sold",
        compute_sudo=True,
        help="All that was credited through this system.",
    )

    def _compute_sold(self):
        sold = {
            meter.id: figures
            for meter, *figures in self.env["amr.vend"]._read_group(
                [("meter_id", "in", self.ids), ("state", "=", "credited")],
                ["meter_id"],
                ["__count", "quantity:sum"],
            )
        }
        for meter in self:
            meter.sold_count, meter.sold_quantity = sold.get(meter.id, (0, 0))

    def _compute_vend_count(self):
        counts = dict(
            self.env["amr.vend"]._read_group(
                [("meter_id", "in", self.ids)], ["meter_id"], ["__count"]
            )
        )
        for meter in self:
            meter.vend_count = counts.get(meter, 0)

    def _lock_credit(self):
        """Wait for other sales to these meters; readings go on beside it."""
        lock_rows(self)

    def _take_purchase_no(self):
        """Return the next purchase number; the caller holds :meth:`_lock_credit`.

        The number is written to the meter, so that a transaction that began before
        cannot take the same one: PostgreSQL makes it start again.
        """
        self.ensure_one()
        given = self.env["amr.vend"]._read_group(
            [
                ("meter_id", "=", self.id),
                ("series", "=", self.credit_series),
                ("purchase_no", ">", 0),
            ],
            aggregates=["purchase_no:max"],
        )[0][0]
        self.sold_purchase_no = (given or self.credit_start_no) + 1
        return self.sold_purchase_no

    def _give_back_purchase_no(self, number):
        """Make ``number``, the last one given, free again."""
        self.ensure_one()
        self._lock_credit()
        self.sold_purchase_no = number - 1

    def _record_purchase_state(self, state):
        """Keep what the meter says of its purchases.

        :param state: ``PurchaseState`` of the protocol
        """
        self.ensure_one()
        self.write(
            {
                "purchase_no": state.purchase_no,
                "credit_balance": float(state.balance),
                "credit_read_at": fields.Datetime.now(),
            }
        )

    def _check_credit_capability(self):
        """Check that these meters keep a credit that can be read.

        :raises UserError: one sentence that says why not
        """
        for meter in self:
            if not meter.model_id.prepaid:
                raise UserError(
                    self.env._("Meter %s keeps no credit of its own.", meter.number)
                )
            if not meter.link_id:
                raise UserError(
                    self.env._(
                        "Meter %s has no link: credit cannot reach it.", meter.number
                    )
                )

    def action_read_credit(self):
        """Ask these meters for purchase number and credit left."""
        self.check_access("read")
        self._check_credit_capability()
        commands = (
            self.env["amr.command"]
            .sudo()
            .create([{"kind": "credit_state", "meter_id": meter.id} for meter in self])
        )
        commands._enqueue()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "info",
                "message": self.env._("The meter is asked for its credit."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_open_vends(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_action"
        )
        action["domain"] = [("meter_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_sell(self):
        self.ensure_one()
        return self.point_id.agreement_id.action_sell()

    def write(self, vals):
        if "credit_start_no" in vals:
            self._check_start_no_free()
        return super().write(vals)

    def _check_start_no_free(self):
        """Check that no number was given since the meter was opened.

        :raises UserError: when one was
        """
        for meter in self.sudo():
            numbered = meter.vend_ids.filtered(
                lambda vend, meter=meter: (
                    vend.series == meter.credit_series
                    and (vend.purchase_no or vend.state in RESERVING_STATES)
                )
            )
            if numbered:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s has been sold to (order %(order)s): its first "
                        "purchase number cannot be changed any more.",
                        meter=meter.number,
                        order=numbered[0].name,
                    )
                )
