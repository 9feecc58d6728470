import {_t} from "@web/core/l10n/translation";
import {patch} from "@web/core/utils/patch";
import {Record} from "@web/model/relational_model/record";

patch(Record.prototype, {
    /** Name what is missing: Odoo only says that something is, and in English. */
    _displayInvalidFieldNotification() {
        const names = [...this._invalidFields];
        if (!names.length || !this.resModel.startsWith("amr.")) {
            return super._displayInvalidFieldNotification();
        }
        const labels = names.map((name) => this.fields[name].string);
        return this.model.notification.add(
            _t("Please fill in or correct: %s", labels.join(", ")),
            {type: "danger"}
        );
    },
});
