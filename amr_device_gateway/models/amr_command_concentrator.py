from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..headend.protocols import registry
from ..tools.archive_check import reading_frames, writing_frames

GDW376 = registry.get("gdw376")
CHANGING = ("archive_download", "collect_start", "collect_again", "terminal_clock")
LISTS = ("archive_download", "archive_compare")
COLLECTING = ("collect_start", "collect_again", "collect_state")
CLOCKS = ("terminal_clock", "address_read")
CONCENTRATOR_KINDS = (*LISTS, *COLLECTING, *CLOCKS)
CLOCK_LIMIT = 60  # seconds that a clock may be off after it was set


class AmrCommandConcentrator(models.Model):
    """What is asked of a concentrator itself: its list of meters, and collecting."""

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[
            ("archive_download", "Send list of meters"),
            ("archive_compare", "Compare list of meters"),
            ("collect_start", "Start collecting"),
            ("collect_again", "Collect anew"),
            ("collect_state", "Read collecting state"),
            ("terminal_clock", "Set concentrator's clock"),
            ("address_read", "Read address"),
        ],
        ondelete={kind: "cascade" for kind in CONCENTRATOR_KINDS},
    )
    meter_id = fields.Many2one(required=False)
    concentrator_id = fields.Many2one(
        "amr.concentrator",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    _for_something = models.Constraint(
        "CHECK (meter_id IS NOT NULL OR concentrator_id IS NOT NULL)",
        "A command is for a meter or a concentrator.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("kind") in CONCENTRATOR_KINDS:
                one = self.env["amr.concentrator"].browse(vals["concentrator_id"])
                vals.setdefault("link_id", one.link_id.id)
                vals.setdefault("community_id", one.community_id.id)
                vals.setdefault("company_id", one.company_id.id)
        return super().create(vals_list)

    @api.depends("concentrator_id")
    def _compute_name(self):
        result = super()._compute_name()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for command in self.filtered("concentrator_id"):
            whose = command.concentrator_id.full_code
            command.name = f"{kinds[command.kind]} {whose}"
        return result

    def _is_of_concentrator(self):
        return self.kind in CONCENTRATOR_KINDS

    def _get_device(self):
        return self.concentrator_id or super()._get_device()

    @api.model
    def _get_link_domain(self, links):
        own = Domain("concentrator_id.link_id", "any", links)
        return super()._get_link_domain(links) | own

    # === One at a time === #

    def _blockers(self):
        if not self._is_of_concentrator():
            return super()._blockers()
        return self.search(
            [
                ("concentrator_id", "=", self.concentrator_id.id),
                ("state", "in", ("queued", "sent")),
                ("id", "<", self.id),
            ]
        )

    def _waiting_behind(self):
        if not self._is_of_concentrator():
            return super()._waiting_behind()
        return self.search(
            [
                ("concentrator_id", "=", self.concentrator_id.id),
                ("state", "=", "queued"),
                ("id", ">", self.id),
            ]
        )

    def _protocol(self):
        if self._is_of_concentrator():
            return registry.get(self.concentrator_id.protocol)
        return self.meter_id._get_protocol()

    def _raise_unknown(self):
        if not self._is_of_concentrator():
            return super()._raise_unknown()
        return self.env["amr.exception"]._raise_exception(
            "device",
            self.env._(
                "%(command)s was sent, but what came of it is unknown: %(reason)s",
                command=self.display_name,
                reason=self.result or "",
            ),
            community=self.community_id,
        )

    # === What is sent, and what it proves === #

    def _changes_something(self):
        if not self._is_of_concentrator():
            return super()._changes_something()
        return self.kind in CHANGING

    def _verify_first(self):
        """A clock is read first: how far it is off says when it may be set."""
        return self.kind == "terminal_clock" or super()._verify_first()

    def _request_frames(self):
        if not self._is_of_concentrator():
            return super()._request_frames()
        one = self.concentrator_id
        if self.kind == "archive_download":
            rows = [meter._prepare_archive() for meter in one._get_listed_meters()]
            return writing_frames(one.terminal, rows, one._get_extra_numbers())
        if self.kind == "terminal_clock":
            now, drift = one._local_now(), (self.payload or {}).get("drift", 0)
            if self._is_planned() and (reason := one._check_planned(drift)):
                one._report_clock(reason)
                raise UserError(reason)
            self._check_not_around_midnight(now, drift)
            return self._protocol().set_clock(one.terminal, now)
        if self.kind in CHANGING:
            again = self.kind == "collect_again"
            return [GDW376.start_reading(one.terminal, one.port, again)]
        return []

    def _verify_frames(self):
        if not self._is_of_concentrator():
            return super()._verify_frames()
        one = self.concentrator_id
        if self.kind in LISTS:
            return reading_frames(one.terminal, one._get_last_number())
        if self.kind in COLLECTING:
            return [GDW376.read_collecting(one.terminal, sequence=1)]
        return self._protocol().read_clock(one.terminal, sequence=1)

    def _mark_sent(self, frames):
        if self.kind == "archive_download":
            self.concentrator_id._note_sent_list()
        return super()._mark_sent(frames)

    def _on_done(self):
        if self.kind in LISTS:
            self.concentrator_id._take_reports_later()
        return super()._on_done()

    def _on_failed(self):
        if self.kind in LISTS:
            self.concentrator_id._report_uncompared(self.result)
        return super()._on_failed()

    def _judge_reply(self, replies):
        verdict = super()._judge_reply(replies)
        if self.kind in COLLECTING and verdict == "accepted":
            # that it began cannot be read back; doing it twice is harmless
            self.payload = {**(self.payload or {}), "accepted": True}
        return verdict

    def _judge(self, verification):
        if not self._is_of_concentrator():
            return super()._judge(verification)
        if any(item.reply for item in verification):
            self.concentrator_id._note_answer()
        if self.kind in LISTS:
            return self._judge_list(verification)
        told = [item for item in verification if item.decoded and not item.problem]
        if self.kind in COLLECTING:
            return self._judge_collecting(told)
        return self._judge_clock([item.decoded for item in told])

    def _judge_clock(self, decodeds):
        """Take the drift from the clock that was read; to read it was all, or not."""
        shown = self._protocol().clock_from(decodeds)
        if not shown:
            return "unknown"
        drift = round((shown - self.concentrator_id._local_now()).total_seconds())
        self.payload = {**(self.payload or {}), "drift": drift}
        self.concentrator_id._note_clock(drift)
        if self.kind == "terminal_clock" and abs(drift) > CLOCK_LIMIT:
            return "not_done"
        return "done"

    def _judge_list(self, verification):
        """Compare the whole list and keep what differs."""
        theirs = []
        for item in verification:
            if getattr(item.problem, "code", None) == "no_data":
                continue  # none of these places is taken
            if not item.decoded or item.problem:
                return "unknown"
            theirs += GDW376.archives_from(item.decoded)
        found = self.concentrator_id._keep_differences(theirs)
        if self.kind == "archive_compare" or not found:
            return "done"
        return "not_done"

    def _judge_collecting(self, told):
        if told:
            self.concentrator_id._keep_collecting(told[0].decoded)
        if self.kind in CHANGING:
            return "done" if (self.payload or {}).get("accepted") else "not_done"
        return "done" if told else "unknown"

    def _done_text(self):
        if not self._is_of_concentrator():
            return super()._done_text()
        one = self.concentrator_id
        if self.kind in LISTS:
            one.invalidate_recordset(["difference_count"])
            if one.difference_count:
                return self.env._(
                    "%s differences: see the difference report.", one.difference_count
                )
            return self.env._("Its list of meters is ours.")
        if self.kind in COLLECTING:
            return one.collecting or self.env._("Accepted.")
        return self.env._(
            "Concentrator %(terminal)s answers; its clock is %(drift)s s off.",
            terminal=one.terminal,
            drift=(self.payload or {}).get("drift"),
        )
