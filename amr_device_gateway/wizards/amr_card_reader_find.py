from odoo import fields, models
from odoo.exceptions import UserError


class AmrCardReaderFind(models.TransientModel):
    """Look for card readers on a computer and take over those that are wanted."""

    _name = "amr.card.reader.find"
    _description = "Find card readers"

    bridge = fields.Selection(
        selection=lambda self: self.env["amr.card.reader"]._selection_bridge(),
        required=True,
        default="head-end",
    )
    community_id = fields.Many2one(
        "amr.community",
        required=True,
        default=lambda self: self.env.user.amr_scope_community_ids[:1],
    )
    line_ids = fields.One2many("amr.card.reader.find.line", "find_id")
    problems = fields.Text(readonly=True)
    searched = fields.Boolean(readonly=True)

    def action_search(self):
        """Scan the ports of the computer."""
        self.ensure_one()
        self.check_access("write")
        found = self.env["amr.card.reader"]._ask_bridge(self.bridge, "scan")
        known = (
            self.env["amr.card.reader"]
            .sudo()
            .search([("bridge", "=", self.bridge)])
            .mapped("port")
        )
        self.line_ids.unlink()
        self.write(
            {
                "searched": True,
                "problems": "\n".join(found["problems"]) or False,
                "line_ids": [
                    fields.Command.create(
                        {
                            "port": reader["key"],
                            "label": reader["label"],
                            "known": reader["key"] in known,
                            "wanted": reader["key"] not in known,
                        }
                    )
                    for reader in found["readers"]
                ],
            }
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_card_reader_find_action"
        )
        return {**action, "res_id": self.id}

    def action_take(self):
        """Enter the readers that are ticked."""
        self.ensure_one()
        lines = self.line_ids.filtered(lambda line: line.wanted and not line.known)
        if not lines:
            raise UserError(self.env._("Tick a reader that is not entered yet."))
        readers = self.env["amr.card.reader"].create(
            [
                {
                    "name": line.label,
                    "port": line.port,
                    "bridge": self.bridge,
                    "community_id": self.community_id.id,
                }
                for line in lines
            ]
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_card_reader_action"
        )
        action["domain"] = [("id", "in", readers.ids)]
        return action
