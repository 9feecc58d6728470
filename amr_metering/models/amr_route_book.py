from odoo import api, fields, models
from odoo.exceptions import UserError

from ..handheld import book as books

# What a reader can tell a handheld instead of an index; keys of the file's profile.
FLAGS = [
    ("no_access", "No access"),
    ("unreadable", "Display broken or unreadable"),
    ("not_found", "Meter not found"),
    ("other_meter", "Another meter is there"),
    ("damaged", "Meter damaged or tampered with"),
]


class AmrRouteBook(models.Model):
    """Route book (表册): the meters of one line, carried by a handheld.

    Keys, commands and their states are those of the KTAMR manual 4.2.5: district,
    community and line number; make and load the book, read the handheld back.
    """

    _name = "amr.route.book"
    _inherit = "amr.evidence.mixin"
    _description = "Route book"
    _order = "id desc"
    _evidence = frozenset(
        {
            "name",
            "task_id",
            "line_id",
            "building_id",
            "community_id",
            "line_code",
            "command",
            "state",
            "progress",
            "report",
            "loaded_at",
            "collected_at",
        }
    )

    name = fields.Char(
        "Book number", required=True, readonly=True, copy=False, index=True
    )
    task_id = fields.Many2one(
        "amr.read.task",
        "Read task",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    line_id = fields.Many2one("amr.line", readonly=True, ondelete="restrict")
    building_id = fields.Many2one("amr.building", readonly=True, ondelete="restrict")
    community_id = fields.Many2one(
        "amr.community", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="task_id.company_id", store=True)
    line_code = fields.Char(
        "Line number",
        required=True,
        readonly=True,
        help="District, community, building and line; line 00 are the meters of a "
        "building that belong to no line.",
    )
    command = fields.Selection(
        [("load", "Make and load the book"), ("collect", "Read the handheld back")],
        default="load",
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [
            ("not_selected", "Not chosen"),
            ("pending", "To be carried out"),
            ("done", "Done"),
            ("failed", "Failed"),
        ],
        default="pending",
        required=True,
        readonly=True,
        index=True,
    )
    progress = fields.Char(readonly=True)
    report = fields.Text(
        readonly=True, help="Records that could not be taken, and why."
    )
    loaded_at = fields.Datetime("Loaded", readonly=True)
    collected_at = fields.Datetime("Read back", readonly=True)
    entry_ids = fields.One2many("amr.route.book.line", "book_id", "Meters")
    total_count = fields.Integer("Meters in it", compute="_compute_counts")
    read_count = fields.Integer("Read", compute="_compute_counts")
    failed_count = fields.Integer("Not taken", compute="_compute_counts")
    file_name = fields.Char(compute="_compute_file_name")
    active = fields.Boolean(default=True)

    _one_open = models.UniqueIndex(
        "(line_code, company_id) WHERE active AND collected_at IS NULL",
        "A route book of this line is out already.",
    )

    @api.depends("entry_ids.state")
    def _compute_counts(self):
        counts = {
            (book.id, state): count
            for book, state, count in self.env["amr.route.book.line"]._read_group(
                [("book_id", "in", self.ids)], ["book_id", "state"], ["__count"]
            )
        }
        for book in self:
            by_state = {
                state: counts.get((book.id, state), 0)
                for state in ("waiting", "done", "flagged", "failed")
            }
            book.total_count = sum(by_state.values())
            book.read_count = by_state["done"]
            book.failed_count = by_state["failed"]

    # === Making === #

    @api.model
    def _make(self, lines):
        """Make one book for each line number that these task lines are of.

        :param lines: lines of one read task that nobody has read yet
        :raises UserError: nothing to read, or a book of a line is still out
        """
        lines = lines.filtered(lambda line: line.state in ("manual", "missing"))
        if not lines:
            raise UserError(self.env._("Every meter of this task was read already."))
        groups = {}
        for line in lines:
            groups.setdefault(self._get_line_code(line), []).append(line.id)
        self._check_none_out(list(groups), lines.company_id[:1])
        entries = self.env["amr.read.task.line"]._get_entries(lines)
        books_ = self.sudo().browse()
        for code, ids in sorted(groups.items()):
            books_ |= self._make_one(code, [row for row in entries if row["id"] in ids])
        return books_.sudo(self.env.su)

    @api.model
    def _get_line_code(self, line):
        bus = line.sudo().meter_id.line_id
        building = line.sudo().building_id or line.sudo().meter_id.building_id
        place = building.full_code or f"{line.sudo().community_id.full_code}000"
        return bus.full_code or f"{place}00"

    def _check_none_out(self, codes, company):
        out = self.sudo().search(
            [
                ("line_code", "in", codes),
                ("collected_at", "=", False),
                ("company_id", "=", company.id),
            ]
        )
        if out:
            raise UserError(
                self.env._(
                    "Route books of these lines are still out: %s. Read them back, or "
                    "archive them.",
                    ", ".join(f"{book.name} ({book.line_code})" for book in out),
                )
            )

    def _make_one(self, code, entries):
        line = self.env["amr.read.task.line"].sudo().browse(entries[0]["id"])
        return self.sudo().create(
            {
                "name": self.env["ir.sequence"].sudo().next_by_code("amr.route.book"),
                "task_id": line.task_id.id,
                "line_id": line.meter_id.line_id.id,
                "building_id": line.building_id.id,
                "community_id": line.community_id.id,
                "line_code": code,
                "progress": self.env._("%s meters, not loaded yet", len(entries)),
                "entry_ids": [
                    fields.Command.create(
                        {"sequence": number, "task_line_id": row["id"]}
                    )
                    for number, row in enumerate(entries, start=1)
                ],
            }
        )

    # === The file === #

    @api.depends("name", "line_code")
    def _compute_file_name(self):
        for book in self:
            book.file_name = f"{book.name}_{book.line_code}.txt"

    def _get_file(self):
        """Return the book as the handheld takes it, bytes."""
        self.ensure_one()
        community = self.community_id
        header = books.Header(
            number=self.name,
            district=community.district_id.code or "",
            community=community.code or "",
            line=self.line_code,
            made_at=self.create_date.replace(microsecond=0),
            title=self.line_id.name or self.building_id.name or community.name,
        )
        entries = self.entry_ids.filtered("task_line_id")
        rows = {
            row["id"]: row
            for row in self.env["amr.read.task.line"]._get_entries(entries.task_line_id)
        }
        meters = tuple(
            entry._prepare_meter(rows[entry.task_line_id.id]) for entry in entries
        )
        return books.dump(books.Book(header, meters))

    def action_download(self):
        """Hand the file out; the book counts as loaded from here on."""
        self.ensure_one()
        self.check_access("read")
        self.sudo().write(
            {
                "command": "load",
                "state": "done",
                "loaded_at": fields.Datetime.now(),
                "progress": self.env._("%s meters, loaded", self.total_count),
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/amr_metering/route_book/{self.id}",
            "target": "download",
        }

    def _get_action(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_route_book_action"
        )
        action["domain"] = [("id", "in", self.ids)]
        action["context"] = {"active_test": False}
        return action

    def action_cancel(self):
        """Take a book back that is not needed any more; its meters stay to be read."""
        self.check_access("read")
        if self.filtered("collected_at"):
            raise UserError(self.env._("This book was read back already."))
        self.sudo().write(
            {
                "active": False,
                "state": "not_selected",
                "progress": self.env._("Taken back"),
            }
        )
