from odoo import fields, models


class AmrAlarmAcknowledge(models.TransientModel):
    """What somebody says who takes note of alarms."""

    _name = "amr.alarm.acknowledge"
    _inherit = "amr.evidence.mixin"
    _description = "Acknowledge alarms"

    alarm_ids = fields.Many2many("amr.alarm", required=True, string="Alarms")
    note = fields.Text(help="What was found, or what will be done.")

    def action_confirm(self):
        self.alarm_ids._acknowledge(self.note)
        return {"type": "ir.actions.act_window_close"}
