from odoo import api, fields, models
from odoo.tools import SQL

OPERATOR_FIELDS = {
    "active",
    "amr_building_ids",
    "amr_community_ids",
    "amr_district_ids",
    "amr_scope_all",
    "company_id",
    "company_ids",
    "group_ids",
    "lang",
    "login",
    "tz",
}


class AuditlogRule(models.Model):
    """What the operation log keeps of this suite's records.

    Changes with old and new value, deletions and exports as OCA's module logs them;
    creations in one batch and without values (a later change tells the first value),
    so that ten thousand imported rows cost one insert and not ten thousand.
    """

    _inherit = "auditlog.rule"

    def _register_hook(self):
        # While addons are loaded, later ones still extend the methods to be wrapped;
        # the registry calls this once more when all are there.
        if self and not self.env.registry.ready:
            return False
        return super()._register_hook()

    @api.model
    def get_auditlog_fields(self, model):
        names = super().get_auditlog_fields(model)
        if model._name == "res.users":
            return [name for name in names if name in OPERATOR_FIELDS]
        if not model._name.startswith("amr."):
            return names
        evidence = getattr(model, "_get_evidence", frozenset)()
        return [
            name
            for name in names
            if name not in evidence
            and model._fields[name].store
            and model._fields[name].type != "one2many"
        ]

    def _make_create(self):
        if not self.model_id.model.startswith("amr."):
            return super()._make_create()

        @api.model_create_multi
        def create_noted(self, vals_list):
            records = create_noted.origin(self, vals_list)
            self.env["auditlog.rule"].sudo()._note_created(records)
            return records

        return create_noted

    def _prepare_note(self, records, method):
        return {
            "model_id": self.env["ir.model"]._get_id(records._name),
            "method": method,
            "user_id": self.env.uid,
            "http_request_id": self.env["auditlog.http.request"].current_http_request(),
            "http_session_id": self.env["auditlog.http.session"].current_http_session(),
            "log_type": "fast",
        }

    @api.model
    def _write_each(self, records, name, values):
        """Give each record its own value of one field, logged in one batch.

        Record by record the log would read each of them twice.

        :param str name: a many2one
        :param values: recordsets, one for each record
        """
        kept = [record[name] for record in records]
        guard = {(records._name, (record.id,)) for record in records}
        for record, value in zip(records, values, strict=True):
            record.with_context(auditlog_guard=guard)[name] = value
        if records._name not in getattr(self.pool, "_auditlog_model_cache", ()):
            return
        rule = self.sudo()
        note = rule._prepare_note(records, "write")
        logs = []
        for record, old, new in zip(records.sudo(), kept, values, strict=True):
            log = {**note, "res_id": record.id, "name": record.display_name[:64]}
            companies = rule._get_companies(record)
            log["amr_company_ids"] = [fields.Command.set(companies.ids)]
            pair = [{record.id: {name: rule._note_value(each)}} for each in (old, new)]
            log["line_ids"] = rule._create_log_line_on_write(log, [name], *pair, [])
            logs.append(log)
        rule.env["auditlog.log"].create(logs)

    @api.model
    def _note_act(self, records, method):
        """Log that somebody did something to each of these, without any values."""
        rule = self.sudo()
        note = rule._prepare_note(records, method)
        rule.env["auditlog.log"].create(
            [
                {**note, "res_id": each.id, "name": each.display_name[:64]}
                for each in records.sudo()
            ]
        )

    @api.model
    def _note_export(self, records, name):
        """Log in one entry, as ``export_data`` does, who took these records along.

        :param records: also lines of a report, which no table holds
        """
        rule = self.sudo()
        log = rule._prepare_note(records, "export_data")
        log.update(
            name=name[:64],
            res_ids=str(records.ids),
            amr_note=self._get_row_count(len(records)),
            amr_company_ids=[fields.Command.set(self._get_companies(records).ids)],
        )
        rule.env["auditlog.log"].create(log)

    @api.model
    def _get_row_count(self, count):
        return self.env._("%s rows", count)

    @api.model
    def _get_companies(self, records):
        """Return the companies whose records these are; none: everybody's."""
        records = records.sudo()
        for name in ("company_ids", "company_id"):
            if name in records._fields:
                return records[name] if len(records) == 1 else records.mapped(name)
        return self.env["res.company"]

    @api.model
    def _note_changes(self, record, old, new):
        """Log changes that the record's own ``write`` does not see.

        :param dict old: values by field name, as they were; ``new`` as they are
        """
        names = [name for name in new if (old[name] or "") != (new[name] or "")]
        if not names or record._name not in getattr(
            self.pool, "_auditlog_model_cache", ()
        ):
            return
        rule = self.sudo()
        log = rule._prepare_note(record, "write")
        log.update(res_id=record.id, name=record.sudo().display_name[:64])
        values = [{record.id: each} for each in (old, new)]
        log["line_ids"] = rule._create_log_line_on_write(log, names, *values, [])
        rule.env["auditlog.log"].create(log)

    @staticmethod
    def _note_value(record):
        return (record.id, record.sudo().display_name) if record else False

    def _note_created(self, records):
        """Log who made these records, by one statement: it may be thousands."""
        note = self._prepare_note(records, "create")
        model = self.env["ir.model"].sudo().browse(note["model_id"])
        note = {key: value or None for key, value in note.items()}
        companies = [self._get_companies(record).id for record in records]
        self.env.cr.execute(
            SQL(
                """
                WITH made AS (
                SELECT * FROM unnest(
                    %(ids)s::int[], %(names)s::text[], %(companies)s::int[])
                    made (id, name, company_id)
                ), log AS (
                INSERT INTO auditlog_log (
                    model_id, model_name, model_model, method, user_id, log_type,
                    http_request_id, http_session_id, res_id, name,
                    create_uid, create_date, write_uid, write_date)
                SELECT %(model_id)s, %(model_name)s, %(model_model)s, %(method)s,
                       %(user_id)s, %(log_type)s, %(http_request_id)s,
                       %(http_session_id)s, made.id, made.name,
                       %(user_id)s, now() AT TIME ZONE 'UTC',
                       %(user_id)s, now() AT TIME ZONE 'UTC'
                  FROM made
                RETURNING id, res_id
                )
                INSERT INTO amr_auditlog_log_company_rel (log_id, company_id)
                SELECT log.id, made.company_id
                  FROM log JOIN made ON made.id = log.res_id
                 WHERE made.company_id IS NOT NULL
                """,
                **note,
                model_name=model.name,
                model_model=model.model,
                ids=list(records.ids),
                companies=[company or None for company in companies],
                names=[(record.display_name or "")[:64] for record in records.sudo()],
            )
        )
