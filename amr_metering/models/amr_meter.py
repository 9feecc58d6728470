import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

STATES = [
    ("not_enabled", "Not enabled"),
    ("normal", "Normal"),
    ("comm_fault", "Communication fault"),
    ("cut", "Cut off"),
    ("closed", "Closed"),
]


class AmrMeter(models.Model):
    """Meter (表计): one device. Where it measures is told by its installations."""

    _name = "amr.meter"
    _inherit = ["amr.evidence.mixin", "mail.thread"]
    _description = "Meter"
    _order = "number"
    _rec_names_search = ["number", "address"]
    _evidence = frozenset(
        {"latest_index", "latest_at", "comm_fault_since", "relay_state", "state"}
    )

    number = fields.Char("Meter number", required=True, tracking=True)
    name = fields.Char(related="number", string="Name")
    address = fields.Char(
        "Communication address",
        tracking=True,
        help="What the meter answers to; 1 to 14 digits, by the model's pattern.",
    )
    model_id = fields.Many2one(
        "amr.meter.model", required=True, index=True, ondelete="restrict"
    )
    utility_id = fields.Many2one(related="model_id.utility_id", store=True, index=True)
    phase = fields.Selection(related="model_id.phase")
    uom_name = fields.Char(related="utility_id.uom_name")
    prepaid = fields.Boolean(related="model_id.prepaid", store=True)
    has_relay = fields.Boolean(related="model_id.has_relay")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    ratio_percent = fields.Float(
        "Ratio (%)", default=100, digits=(12, 4), help="KTAMR manual 3.2.5."
    )
    voltage_ratio = fields.Float(default=1, digits=(12, 4))
    current_ratio = fields.Float(default=1, digits=(12, 4))
    factor = fields.Float(
        compute="_compute_factor",
        store=True,
        digits=(16, 6),
        tracking=True,
        help="Consumption is the difference of indexes times this factor. A change "
        "counts from the last reading on: read the meter first.",
    )
    box_id = fields.Many2one(
        "amr.box",
        "Meter box",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        domain="['|', ('community_id', '=', community_id), (not community_id, '=', 1)]",
    )
    line_id = fields.Many2one(
        "amr.line",
        compute="_compute_line_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        ondelete="restrict",
        domain="['|', ('community_id', '=', community_id), (not community_id, '=', 1)]",
        help="Follows from the box, unless another line is chosen.",
    )
    installation_ids = fields.One2many("amr.installation", "meter_id")
    point_id = fields.Many2one(
        "amr.metering.point",
        "Metering point",
        compute="_compute_point_id",
        store=True,
        index=True,
        help="Where the meter is installed now.",
    )
    community_id = fields.Many2one(
        "amr.community", compute="_compute_point_id", store=True, index=True
    )
    building_id = fields.Many2one(
        "amr.building", compute="_compute_point_id", store=True, index=True
    )
    room_id = fields.Many2one("amr.room", compute="_compute_point_id", store=True)
    account_id = fields.Many2one(related="point_id.account_id")
    latest_index = fields.Float(digits="AMR Index", readonly=True, copy=False)
    latest_at = fields.Datetime("Last read", readonly=True, copy=False)
    comm_fault_since = fields.Datetime("Not answering since", readonly=True, copy=False)
    relay_state = fields.Selection(
        [("unknown", "Unknown"), ("closed", "Connected"), ("open", "Disconnected")],
        "Relay",
        default="unknown",
        readonly=True,
        copy=False,
    )
    state = fields.Selection(
        STATES, default="not_enabled", readonly=True, index=True, copy=False
    )
    reading_count = fields.Integer(compute="_compute_counts")
    open_exception_count = fields.Integer(compute="_compute_counts")
    note = fields.Text()
    active = fields.Boolean(default=True)

    _number_unique = models.UniqueIndex(
        "(company_id, number) WHERE active",
        "An active meter with this number exists already.",
    )
    _address_unique = models.UniqueIndex(
        "(company_id, address) WHERE active AND address IS NOT NULL",
        "An active meter with this communication address exists already.",
    )
    _ratios_positive = models.Constraint(
        "CHECK (ratio_percent > 0 AND voltage_ratio > 0 AND current_ratio > 0)",
        "Ratios of a meter must be greater than zero.",
    )

    @api.depends("ratio_percent", "voltage_ratio", "current_ratio")
    def _compute_factor(self):
        for meter in self:
            meter.factor = (
                dec(meter.ratio_percent, 4)
                / 100
                * dec(meter.voltage_ratio, 4)
                * dec(meter.current_ratio, 4)
            )

    @api.depends("box_id")
    def _compute_line_id(self):
        for meter in self.filtered("box_id.line_id"):
            meter.line_id = meter.box_id.line_id

    @api.depends(
        "installation_ids.date_to",
        "installation_ids.point_id.community_id",
        "installation_ids.point_id.building_id",
        "installation_ids.point_id.room_id",
    )
    def _compute_point_id(self):
        for meter in self:
            point = meter.installation_ids.filtered(lambda i: not i.date_to).point_id[
                :1
            ]
            meter.point_id = point
            # a dismounted meter stays in the scope it was last seen in
            last = point or meter.installation_ids.sorted("date_from")[-1:].point_id
            meter.community_id = last.community_id
            meter.building_id = last.building_id
            meter.room_id = point.room_id

    def _compute_counts(self):
        domain = [("meter_id", "in", self.ids)]
        readings = dict(
            self.env["amr.reading"]._read_group(domain, ["meter_id"], ["__count"])
        )
        exceptions = dict(
            self.env["amr.exception"]._read_group(
                [*domain, ("state", "=", "open")], ["meter_id"], ["__count"]
            )
        )
        for meter in self:
            meter.reading_count = readings.get(meter, 0)
            meter.open_exception_count = exceptions.get(meter, 0)

    @api.constrains("address", "model_id")
    def _check_address(self):
        for meter in self.filtered("address"):
            address = meter.address
            if not re.fullmatch("[0-9]{1,14}", address):
                raise ValidationError(
                    self.env._(
                        "Address “%(address)s” of meter %(meter)s is not valid: use "
                        "1 to 14 digits, no letters.",
                        address=address,
                        meter=meter.number,
                    )
                )
            if not re.fullmatch(meter.model_id.address_rule, address):
                raise ValidationError(
                    self.env._(
                        "Address “%(address)s” does not follow the pattern %(rule)s "
                        "of model %(model)s.",
                        address=address,
                        rule=meter.model_id.address_rule,
                        model=meter.model_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._drop_zero_address(vals) for vals in vals_list]
        meters = super().create(vals_list)
        meters._refresh_state()
        return meters

    @api.model
    def _drop_zero_address(self, vals):
        """A meter that is vended by card only has address 000000000000: none.

        Remote prepaid manual 4.2.1.
        """
        address = vals.get("address")
        if address and not address.strip("0"):
            return {**vals, "address": False}
        return vals

    def write(self, vals):
        vals = self._drop_zero_address(vals)
        if vals.get("active", True) is False:
            self._check_dismounted()
        result = super().write(vals)
        if {"active", "relay_state", "comm_fault_since", "latest_at"} & vals.keys():
            self._refresh_state()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_history(self):
        for meter in self:
            if meter.reading_count or meter.installation_ids:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s has a history and cannot be deleted. Correct "
                        "its data, or dismount and archive it.",
                        meter=meter.number,
                    )
                )

    def _check_dismounted(self):
        """An archived meter leaves its number to another: it must hang nowhere.

        :raises UserError: one of these meters is installed
        """
        installed = self.sudo().installation_ids.filtered(lambda one: not one.date_to)
        for one in installed[:1]:
            raise UserError(
                self.env._(
                    "Meter %(meter)s is installed at %(point)s: replace it, or enter "
                    "when and at which index its installation ended; then archive it.",
                    meter=one.meter_id.number,
                    point=one.point_id.name,
                )
            )

    def _refresh_state(self):
        """Derive each meter's state from the facts; nothing else writes ``state``."""
        if not self:
            return
        self.flush_recordset(["active", "relay_state", "comm_fault_since", "latest_at"])
        changed = self.env.execute_query(
            SQL(
                """
                UPDATE amr_meter m SET state = f.state
                  FROM (SELECT id, CASE
                            WHEN NOT active THEN 'closed'
                            WHEN relay_state = 'open' THEN 'cut'
                            WHEN comm_fault_since IS NOT NULL THEN 'comm_fault'
                            WHEN latest_at IS NULL THEN 'not_enabled'
                            ELSE 'normal' END AS state
                          FROM amr_meter WHERE id = ANY(%s)) f
                 WHERE m.id = f.id AND m.state IS DISTINCT FROM f.state
                RETURNING m.id
                """,
                list(self.ids),
            )
        )
        self.invalidate_recordset(["state"])
        self.browse(row[0] for row in changed)._notify_status()

    def action_open_readings(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_reading_action"
        )
        action["domain"] = [("meter_id", "=", self.id)]
        action["context"] = {"default_meter_id": self.id}
        return action

    def action_open_exceptions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_exception_action"
        )
        action["domain"] = [("meter_id", "=", self.id)]
        return action

    def action_read_now(self):
        """Read these meters now, by whatever route each has."""
        task = self.env["amr.read.task"].create(
            {"scope": "meters", "meter_ids": [fields.Command.set(self.ids)]}
        )
        task.action_start()
        return task._get_form_action()
