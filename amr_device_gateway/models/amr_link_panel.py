from datetime import timedelta

from odoo import api, fields, models

from ..tools import seconds


class AmrLinkPanel(models.Model):
    """What a link's page shows and does (KTAMR manual 3.5.3), and its own rounds."""

    _inherit = "amr.link"  # pylint: disable=consider-merging-classes-inherited

    interval = fields.Integer(
        default=lambda self: int(seconds(self.env, "amr.poll_interval") / 60)
    )
    is_collecting = fields.Boolean(
        "Read by itself",
        tracking=True,
        help="All meters behind it are read once in every collection interval.",
    )
    collected_at = fields.Datetime("Last round", readonly=True, copy=False)
    last_read_at = fields.Datetime(
        "Last reading", compute="_compute_panel", help="Newest reading of its meters."
    )
    silent_count = fields.Integer("Not answering", compute="_compute_panel")
    open_command_count = fields.Integer("Open commands", compute="_compute_panel")

    def _compute_panel(self):
        groups = self.env["amr.meter"]._read_group(
            [("link_id", "in", self.ids)], ["link_id"], ["latest_at:max"]
        )
        latest = {link: at for link, at in groups}
        silent = dict(
            self.env["amr.meter"]._read_group(
                [("link_id", "in", self.ids), ("comm_fault_since", "!=", False)],
                ["link_id"],
                ["__count"],
            )
        )
        commands = dict(
            self.env["amr.command"]._read_group(
                [("link_id", "in", self.ids), ("state", "in", ("queued", "sent"))],
                ["link_id"],
                ["__count"],
            )
        )
        for link in self:
            link.last_read_at = latest.get(link, False)
            link.silent_count = silent.get(link, 0)
            link.open_command_count = commands.get(link, 0)

    def action_view_commands(self):
        """Show the commands that went, or wait to go, over these links."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_command_action"
        )
        action["domain"] = [("link_id", "in", self.ids)]
        action["context"] = {}
        return action

    def action_view_silent(self):
        """Show the meters behind these links that do not answer."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [
            ("link_id", "in", self.ids),
            ("comm_fault_since", "!=", False),
        ]
        action["context"] = {}
        return action

    # === Rounds === #

    @api.model
    def _cron_collect(self):
        """Scheduled: read the meters of links whose collection interval has passed.

        A round that is still going on is not begun a second time.
        """
        now = fields.Datetime.now()
        links = self.search(
            [
                ("is_collecting", "=", True),
                ("state", "=", "active"),
                ("interval", ">", 0),
                ("meter_ids.point_id", "!=", False),
            ]
        )
        due = links.filtered(
            lambda link: (
                not link.collected_at
                or link.collected_at + timedelta(minutes=link.interval) <= now
            )
        )
        due._collect()

    def _collect(self):
        """Begin a round of each link that has none going on."""
        tasks = self.env["amr.read.task"]
        going = tasks.search(
            [("link_id", "in", self.ids), ("state", "=", "running")]
        ).link_id
        for link in self - going:
            link.collected_at = fields.Datetime.now()
            tasks.create({"scope": "link", "link_id": link.id}).action_start()
