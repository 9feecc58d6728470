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
SECRETS = {"area_code"}


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
            if name not in evidence | SECRETS
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
        self._set_each(records, name, values)
        if records._name not in getattr(self.pool, "_auditlog_model_cache", ()):
            return
        rule = self.sudo()
        logs = rule._insert_logs(records, "write")
        rule._insert_changes(records, logs, name, kept, values)

    def _set_each(self, records, name, values):
        """Set a many2one of many records by one statement, checked as by ``write``."""
        records.check_access("write")
        field = records._fields[name]
        records.flush_recordset([name])
        self.env.execute_query(
            SQL(
                """
                UPDATE %(table)s t
                   SET %(column)s = v.value, write_uid = %(uid)s,
                       write_date = now() AT TIME ZONE 'UTC'
                  FROM unnest(%(ids)s::int[], %(values)s::int[]) v (id, value)
                 WHERE t.id = v.id
                RETURNING t.id
                """,
                table=SQL.identifier(records._table),
                column=SQL.identifier(name),
                uid=self.env.uid,
                ids=list(records.ids),
                values=[value.id or None for value in values],
            )
        )
        records.invalidate_recordset([name, "write_uid", "write_date"])
        for inverse in self.pool.field_inverses[field]:
            self.env[inverse.model_name].invalidate_model([inverse.name])
        records.modified([name])
        records._validate_fields([name])
        records._check_links([name])

    @api.model
    def _note_act(self, records, method):
        """Log that somebody did something to each of these, without any values."""
        self.sudo()._insert_logs(records, method)

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
    def _note_decision(self, record, sentence):
        """Log what somebody decided about a record, in words.

        :param record: of any model, logged otherwise or not
        """
        rule = self.sudo()
        log = rule._prepare_note(record, "write")
        log.update(
            res_id=record.id,
            name=record.sudo().display_name[:64],
            amr_note=sentence,
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

    def _note_created(self, records):
        """Log who made these records, by one statement: it may be thousands."""
        self._insert_logs(records, "create")

    def _insert_logs(self, records, method):
        """Write one entry for each record, all by one statement.

        :return: dict of the entries' ids by those of the records
        """
        note = self._prepare_note(records, method)
        model = self.env["ir.model"].sudo().browse(note["model_id"])
        records = records.sudo()
        note = {key: value or None for key, value in note.items()}
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO auditlog_log (
                    model_id, model_name, model_model, method, user_id, log_type,
                    http_request_id, http_session_id, res_id, name,
                    create_uid, create_date, write_uid, write_date)
                SELECT %(model_id)s, %(model_name)s, %(model_model)s, %(method)s,
                       %(user_id)s, %(log_type)s, %(http_request_id)s,
                       %(http_session_id)s, made.id, made.name,
                       %(user_id)s, now() AT TIME ZONE 'UTC',
                       %(user_id)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(ids)s::int[], %(names)s::text[]) made (id, name)
                RETURNING res_id, id
                """,
                **note,
                model_name=model.name,
                model_model=model.model,
                ids=list(records.ids),
                names=[(record.display_name or "")[:64] for record in records],
            )
        )
        logs = dict(rows)
        pairs = [
            (logs[record.id], company_id)
            for record in records
            for company_id in self._get_companies(record).ids
        ]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO amr_auditlog_log_company_rel (log_id, company_id)
                SELECT * FROM unnest(%s::int[], %s::int[])
                """,
                [log_id for log_id, __ in pairs],
                [company_id for __, company_id in pairs],
            )
        )
        return logs

    def _insert_changes(self, records, logs, name, old, new):
        """Write what changed under the entry of each record.

        :param dict logs: ids of the entries by those of the records
        :param str name: a many2one; ``old`` and ``new`` hold its values, one a record
        """
        field = self.env["ir.model.fields"]._get(records._name, name)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO auditlog_log_line (
                    log_id, field_id, field_name, field_description, old_value,
                    old_value_text, new_value, new_value_text,
                    create_uid, create_date, write_uid, write_date)
                SELECT v.id, %(field_id)s, %(name)s, %(label)s,
                       v.old, v.old_text, v.new, v.new_text,
                       %(uid)s, now() AT TIME ZONE 'UTC',
                       %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(ids)s::int[], %(old)s::text[], %(old_text)s::text[],
                              %(new)s::text[], %(new_text)s::text[])
                       v (id, old, old_text, new, new_text)
                """,
                field_id=field.id,
                name=name,
                label=field.field_description,
                uid=self.env.uid,
                ids=[logs[record.id] for record in records],
                old=[self._note_value(each) for each in old],
                old_text=[each.sudo().display_name or None for each in old],
                new=[self._note_value(each) for each in new],
                new_text=[each.sudo().display_name or None for each in new],
            )
        )

    @staticmethod
    def _note_value(record):
        return str((record.id, record.sudo().display_name)) if record else None
