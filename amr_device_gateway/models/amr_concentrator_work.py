from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

from odoo import fields, models
from odoo.exceptions import UserError

#: Commands that change nothing: whoever sees a concentrator may ask it.
ASKING = ("archive_compare", "collect_state", "address_read")
#: What one of Q/GDW 130-2005 can be asked to do.
OF_2005 = ("address_read", "terminal_clock")


class AmrConcentratorWork(models.Model):
    """What people let a concentrator do, and what it shows for it."""

    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited

    def action_view_meters(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        action["context"] = {"default_concentrator_id": self.id}
        return action

    def action_view_differences(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_concentrator_difference_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        return action

    def action_view_commands(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_device_gateway.amr_command_action"
        )
        action["domain"] = [("concentrator_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_read_meters(self):
        """Read all meters of this concentrator now."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "concentrator", "concentrator_id": self.id}
        )
        return task.action_start()

    def action_archive_download(self):
        """Bring our list of meters into the concentrators, and compare."""
        return self._request("archive_download")

    def action_archive_compare(self):
        """Compare what the concentrators know with what we know."""
        return self._request("archive_compare")

    def action_collect_start(self):
        """Let the concentrators go on reading their meters."""
        return self._request("collect_start")

    def action_collect_again(self):
        """Let the concentrators read all their meters anew."""
        return self._request("collect_again")

    def action_collect_state(self):
        """Ask the concentrators how far they have read their meters."""
        return self._request("collect_state")

    def action_set_clock(self):
        """Set the concentrators' clocks."""
        return self._request("terminal_clock")

    def action_verify_address(self):
        """Read the concentrators' address: one on a serial line does not log in."""
        return self._request("address_read")

    def _request(self, kind):
        """Write down and enqueue a command for each concentrator.

        :raises UserError: one that is not spoken to by frames
        """
        self.check_access("read")
        if kind not in ASKING:
            self.check_access("write")
        return self._command(kind)._get_action()

    def _command(self, kind, **vals):
        """Return new, enqueued commands of a kind."""
        for one in self:
            if not one.is_framed or not one.link_id:
                raise UserError(
                    self.env._(
                        "%s keeps no list of meters: an integrated collector is read "
                        "meter by meter.",
                        one.display_name,
                    )
                )
            if one.protocol == "gdw130" and kind not in OF_2005:
                raise UserError(
                    self.env._(
                        "%s speaks Q/GDW 130-2005: its list of meters is kept at the "
                        "device, and its meters are read one by one.",
                        one.display_name,
                    )
                )
        commands = (
            self.env["amr.command"]
            .sudo()
            .create(
                [
                    {
                        "kind": kind,
                        "concentrator_id": one.id,
                        "requested_by": self.env.uid,
                        **vals,
                    }
                    for one in self
                ]
            )
        )
        commands._enqueue()
        return commands.sudo(False)

    def _local_now(self):
        """Return what the concentrator's clock should show (naive local time)."""
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return now.astimezone(ZoneInfo(self.community_id.tz)).replace(tzinfo=None)

    def _note_answer(self):
        """Remember that these concentrators answered just now."""
        now = fields.Datetime.now()
        recent = now - timedelta(minutes=1)
        late = self.sudo().filtered(
            lambda one: not one.answered_at or one.answered_at < recent
        )
        late.write({"answered_at": now})
