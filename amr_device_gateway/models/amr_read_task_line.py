from odoo import fields, models


class AmrReadTaskLine(models.Model):
    _inherit = "amr.read.task.line"

    link_id = fields.Many2one(related="meter_id.link_id", string="Device link")
    offline_tries = fields.Integer(
        readonly=True,
        help="Tries that were lost because the link was away; given back when it is "
        "there again.",
    )
    next_try_at = fields.Datetime(
        "Next try", readonly=True, help="Not asked again before this time."
    )

    def _on_link_up(self):
        """Forget what was lost while the link was away, and be due at once."""
        for line in self.filtered(lambda line: line.next_try_at or line.offline_tries):
            line.write(
                {
                    "tries": line.tries - line.offline_tries,
                    "offline_tries": 0,
                    "next_try_at": False,
                }
            )
