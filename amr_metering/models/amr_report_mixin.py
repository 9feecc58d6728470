import json
from decimal import Decimal
from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.query import Query

from odoo.addons.amr_base.tools import dec

from ..tools import make_workbook

# In a table that has a column for each, a place goes by its own name.
PLACES = ("amr.community", "amr.building", "amr.room")


class AmrReportMixin(models.AbstractModel):
    """A report that goes to Excel and to paper with sub-totals and totals."""

    _name = "amr.report.mixin"
    _description = "Report with an Excel export"

    _report_columns = ()  # names of fields, in order
    _report_sums = ()  # those that are added up, each within one utility
    _report_optional = ()  # those left out where nothing is known
    _report_groups = ()  # fields with a sub-total each, from the outermost in
    _report_context = ()  # keys of the context the report depends on

    @api.model
    def _search(self, *args, **kwargs):
        if not self._auto:
            # to compile such a query takes PostgreSQL longer than to run it
            self.env.cr.execute("SET LOCAL jit = off")
        return super()._search(*args, **kwargs)

    @api.model
    def _read_group_select(self, aggregate_spec: str, query: Query) -> SQL:
        """Add up within one utility only: kWh and m³ have no sum."""
        aggregate = super()._read_group_select(aggregate_spec, query)
        name, __, function = aggregate_spec.partition(":")
        if function != "sum" or name not in self._report_sums:
            return aggregate
        utility = self._field_to_sql(self._table, "utility_id", query)
        return SQL(
            "CASE WHEN min(%s) = max(%s) THEN %s END", utility, utility, aggregate
        )

    @api.model
    def _web_read_group_groupby_formatter(self, groupby_spec, values):
        """Call hours 00:00 to 23:00.

        Odoo calls them 01:00 to 12:00 twice a day, and a chart puts what is called the
        same into one bar, of which only the later one is seen.
        """
        formatter = super()._web_read_group_groupby_formatter(groupby_spec, values)
        if not groupby_spec.endswith(":hour"):
            return formatter

        def by_24_hours(value):
            group, domain = formatter(value)
            if value:
                group = (group[0], value.strftime("%m-%d %H:00"))
            return group, domain

        return by_24_hours

    def action_export_xlsx(self):
        """Download what the list shows (or the rows ticked in it) as a workbook."""
        domain = self.env.context.get("active_domain") or []
        if self.ids:
            domain = [*domain, ("id", "in", self.ids)]
        context = {
            key: self.env.context[key]
            for key in self._report_context
            if self.env.context.get(key)
        }
        query = urlencode(
            {"domain": json.dumps(domain), "context": json.dumps(context, default=str)}
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/amr_metering/report/{self._name}?{query}",
            "target": "download",
        }

    @api.model
    def _make_report_xlsx(self, domain):
        """Return the bytes of the workbook; the reader's access rules apply.

        Its lines are numbered, as in the manuals' figures. Whoever takes it along is in
        the operation log.
        """
        title, records = self._get_report_title(), self._get_report_records(domain)
        self.env["auditlog.rule"]._note_export(records, f"{title}.xlsx")
        columns = [
            (heading, self._get_report_type(name))
            for name, heading in self._get_report_headings()
        ]
        rows = self._get_report_rows(records)
        if self._report_optional:
            columns, rows = self._leave_out_unknown(columns, list(rows))
        columns.insert(0, (self.env._("No."), "integer"))
        return make_workbook(title, columns, _number(rows))

    @api.model
    def _leave_out_unknown(self, columns, rows):
        """Leave out optional columns in which no line has anything."""
        kept = [
            at
            for at, name in enumerate(self._report_columns)
            if name not in self._report_optional
            or any(type(cells[at]) in (int, float) for cells, _bold in rows)
        ]
        return (
            [columns[at] for at in kept],
            [([cells[at] for at in kept], bold) for cells, bold in rows],
        )

    @api.model
    def _get_report_title(self):
        return self.env["ir.model"]._get(self._name).name

    @api.model
    def _get_report_headings(self):
        return [
            (name, self._fields[name]._description_string(self.env))
            for name in self._report_columns
        ]

    @api.model
    def _get_report_type(self, name):
        """Return the type of a column, with the places its numbers have on screen."""
        field = self._fields[name]
        if field.type == "float":
            return f"float{(field.get_digits(self.env) or (0, 3))[1]}"
        return "char" if name.endswith("_id") else field.type

    @api.model
    def _get_report_records(self, domain):
        """Return the lines of the report in its order, all read at once."""
        order = ", ".join([*self._report_groups, "id"]) if self._report_groups else None
        names = [*self._report_columns, *{"company_id"} & self._fields.keys()]
        return self.search_fetch(domain, names, order=order)

    @api.model
    def _get_report_rows(self, records):
        """Yield pairs (cells, bold): lines, sub-totals and totals in bold."""
        totals = _Totals(self)
        cells = [self._get_report_reader(name) for name in self._report_columns]
        for record in records:
            yield from totals.leave(record)
            row = [cell(record) for cell in cells]
            totals.add(record, row)
            yield [_shown(cell) for cell in row], False
        yield from totals.leave(None)
        yield from totals.rest()

    def _get_report_cells(self):
        self.ensure_one()
        return [
            _shown(self._get_report_reader(name)(self)) for name in self._report_columns
        ]

    @api.model
    def _get_report_reader(self, name):
        """Return a function that gives a record's cell of this column, exactly."""
        field = self._fields[name]
        if field.type == "many2one":
            label = "name" if field.comodel_name in PLACES else "display_name"
            return lambda record: record[name][label]
        if field.type == "selection":
            labels = dict(field._description_selection(self.env))
            return lambda record: labels.get(record[name])
        if field.type == "datetime":
            return lambda record: record._get_local_time(record[name])
        if field.type == "float":
            places = (field.get_digits(self.env) or (0, 3))[1]
            return lambda record: _exact(record[name], places)
        return lambda record: record[name]

    def _get_local_time(self, moment):
        if not moment:
            return moment
        return fields.Datetime.context_timestamp(self, moment).replace(tzinfo=None)


def _number(rows):
    """Put the number of each line before it; totals have none."""
    count = 0
    for cells, bold in rows:
        count += not bold
        yield [None if bold else count, *cells], bold


def _exact(value, places):
    """Return a number as the database holds it; False is no number."""
    return value if value is False else dec(value, places)


def _shown(cell):
    return float(cell) if isinstance(cell, Decimal) else cell


class _Totals:
    """Exact running sums of a report's sub-totals and of its total by utility."""

    def __init__(self, report):
        self.report = report
        self.path = ()
        self.sums = {}
        columns = report._report_columns
        self.places = [(name, columns.index(name)) for name in report._report_sums]

    def add(self, record, cells):
        self.path = tuple(record[name] for name in self.report._report_groups)
        levels = [self.path[: depth + 1] for depth in range(len(self.path))]
        if self.report._report_groups[:1] != ("utility_id",):
            levels.append(("total", record.utility_id))
        running = [self.sums.setdefault(level, {}) for level in levels]
        for name, place in self.places:
            value = cells[place]
            if value is not False:
                for sums in running:
                    sums[name] = sums.get(name, 0) + value

    def leave(self, record):
        """Yield the sub-totals of the groups that end before ``record``."""
        names = self.report._report_groups
        path = tuple(record[name] for name in names) if record is not None else ()
        for depth in reversed(range(len(self.path))):
            level = self.path[: depth + 1]
            if path[: depth + 1] != level:
                label = self.report.env._("Sub-total")
                yield self._line(level, names[depth], f"{label} {level[-1].name or ''}")
        self.path = ()

    def rest(self):
        """Yield a total for each utility that has no sub-total of its own."""
        known = [level for level, sums in self.sums.items() if sums]
        for level in known:
            label = f"{self.report.env._('Total')} {level[1].name}"
            yield self._line(level, self.report._report_columns[0], label)

    def _line(self, level, labelled, label):
        sums = self.sums.pop(level, {})
        cells = [None] * len(self.report._report_columns)
        for name, value in sums.items():
            cells[self.report._report_columns.index(name)] = value
        cells[self.report._report_columns.index(labelled)] = label
        return cells, True
