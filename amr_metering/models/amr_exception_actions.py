from odoo import api, models
from odoo.exceptions import UserError


class AmrException(models.Model):
    """What people do about exceptions; every action works on many at once."""

    _inherit = "amr.exception"

    def write(self, vals):
        before = {exception: exception.user_id for exception in self}
        result = super().write(vals)
        if vals.get("user_id"):
            self.filtered(
                lambda e: e.user_id != before[e] and e.state == "open"
            )._remind()
        if vals.get("state") == "resolved":
            self.sudo().activity_unlink(["mail.mail_activity_data_todo"])
        return result

    def _remind(self):
        """Give each responsible person something to do; Odoo sends the mail."""
        for exception in self:
            exception.sudo().activity_unlink(["mail.mail_activity_data_todo"])
            exception.sudo().activity_schedule(
                "mail.mail_activity_data_todo",
                summary=dict(self._fields["kind"]._description_selection(self.env))[
                    exception.kind
                ],
                note=exception.reason,
                user_id=exception.user_id.id,
            )

    def _ask_meters(self):
        """Return the meters of these exceptions.

        :raises UserError: there are none
        """
        if not self.meter_id:
            raise UserError(
                self.env._(
                    "None of these is about a meter that is known. Add the meter "
                    "first, then bring its readings in."
                )
            )
        return self.meter_id

    def action_accept(self):
        """Take the suspect readings as good; what they conflict with is superseded.

        Readings are append-only: what was read stays, only its quality becomes good,
        and the exception keeps who decided it.
        """
        self.meter_id.check_access("write")  # an administrator's decision
        by = self.env._("Accepted by %s.", self.env.user.name)
        for exception in self:
            if exception.state != "open":
                continue
            suspects = exception._get_suspects()
            suspects._check_acceptable()
            suspects._accept()
            exception._get_held_hours()._accept()
            if exception.state == "open":
                exception._settle(by)
        return True

    def action_put_aside(self):
        """The readings were wrong: they stay held back for good.

        :raises UserError: none of the exceptions holds a reading back
        """
        self.check_access("write")
        held = self.filtered(lambda e: e.state == "open" and e.suspect_count)
        if not held:
            raise UserError(
                self.env._(
                    "None of these holds a reading back, so there is nothing to put "
                    "aside. Look into the cause, then resolve them."
                )
            )
        suspects = held.sudo()._get_suspects()
        suspects.put_aside = True
        hours = suspects._change_hours(("ok", "suspect"), "aside")
        hours |= suspects._give_way_back()
        suspects.meter_id._refresh_latest()
        by = self.env._("Put aside by %s: never used.", self.env.user.name)
        held.sudo()._get_held_hours()._put_aside()
        hours._follow(by)
        held.filtered(lambda e: e.state == "open")._settle(by)
        return True

    def action_read_again(self):
        """Read the meters once more; a good reading answers the exception."""
        action = self._ask_meters().action_read_now()
        task = self.env["amr.read.task"].browse(action["res_id"])
        self.sudo().task_id = task
        for exception in self:
            exception.message_post(body=self.env._("Read again: task %s.", task.name))
        return action

    def action_estimate(self):
        """Open the estimates for what is missing or held back."""
        self._ask_meters()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Estimate"),
            "res_model": "amr.reading.estimate",
            "view_mode": "form",
            "target": "new",
            "context": {"default_exception_ids": self.ids},
        }

    def _prepare_estimate(self):
        """Return what to estimate for this exception: when, and which register."""
        self.ensure_one()
        reading = self._get_suspects().sorted("read_at")[-1:]
        hour = self._get_held_hours()[-1:]
        if hour and not reading:
            return {
                "exception_id": self.id,
                "meter_id": self.meter_id.id,
                "at": hour.read_at,
                "register": hour.register,
                "kind": "daily" if hour._is_midnight() else "spot",
            }
        return {
            "exception_id": self.id,
            "meter_id": self.meter_id.id,
            "at": reading.read_at or self.found_at or self.create_date,
            "register": reading.register or "total",
            "kind": "spot" if reading.kind == "spot" else "daily",
        }

    def action_replace_meter(self):
        self.ensure_one()
        point = self._ask_meters().point_id
        if not point:
            raise UserError(
                self.env._("Meter %s is not installed anywhere.", self.meter_id.number)
            )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_replace_action"
        )
        action["context"] = {"default_point_id": point.id}
        return action

    def action_bring_in(self):
        """Take in what unknown meters reported, now that they are known."""
        unknown = self.filtered(lambda e: e.kind == "unknown" and e.origin)
        return unknown._get_unknown_readings().action_bring_in()

    def _get_unknown_readings(self):
        return self.env["amr.unknown.reading"].search(
            [
                ("address", "in", self.mapped("origin")),
                ("company_id", "in", self.company_id.ids),
                ("state", "=", "waiting"),
            ]
        )

    def action_open_unknown(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_unknown_reading_action"
        )
        action["domain"] = [("address", "=", self.origin)]
        action["context"] = {}
        return action

    def action_open_refused(self):
        """Show the rows that could not be readings, as they came."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_refused_reading_action"
        )
        action["domain"] = [
            ("meter_id", "=", self.meter_id.id),
            ("address", "=", self.origin),
        ]
        action["context"] = {}
        return action

    def action_assign_to_me(self):
        self.write({"user_id": self.env.uid})
        return True

    def action_diagnose(self):
        self.ensure_one()
        return self._ask_meters().action_diagnose()

    @api.model
    def _tell_manager(self, community, since):
        """Tell who is responsible in a community what validation has raised.

        :param datetime since: naive UTC; exceptions opened from then on count
        """
        groups = self.sudo()._read_group(
            [
                ("create_date", ">=", since),
                ("state", "=", "open"),
                ("user_id", "!=", False),
                ("community_id", "=", community.id),
            ],
            ["user_id"],
            ["__count"],
        )
        for user, count in groups:
            community.message_notify(
                partner_ids=user.partner_id.ids,
                subject=self.env._("%s: new exceptions", community.name),
                body=self.env._(
                    "%(count)s new exceptions of %(community)s wait for you under "
                    "Metering, Exceptions.",
                    count=count,
                    community=community.name,
                ),
            )
