import {useEffect, useState} from "@odoo/owl";
import {KeepLast} from "@web/core/utils/concurrency";
import {ListRenderer} from "@web/views/list/list_renderer";
import {_t} from "@web/core/l10n/translation";
import {formatFloat} from "@web/views/fields/formatters";
import {listView} from "@web/views/list/list_view";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";

const LABEL = "room_id";
const DIGITS = [16, 3];

/**
 * The month matrix says above what it is about, and adds up below by utility all meters
 * that were searched for, not only those of the page.
 */
export class MonthMatrixRenderer extends ListRenderer {
    static template = "amr_metering.MonthMatrix";

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.matrix = useState({about: null});
        this.last = new KeepLast();
        useEffect(
            (domain) => {
                this.loadAbout(JSON.parse(domain));
            },
            () => [JSON.stringify(this.props.list.domain)]
        );
    }

    async loadAbout(domain) {
        this.matrix.about = null;
        const {resModel, context} = this.props.list;
        this.matrix.about = await this.last.add(
            this.orm.call(resModel, "get_matrix_summary", [domain], {context})
        );
    }

    get period() {
        return [...new Set(this.matrix.about.months)].join(" – ");
    }

    get places() {
        const {communities, community_count: count} = this.matrix.about;
        return count > communities.length
            ? _t("%s communities", count)
            : communities.join(", ");
    }

    aboutUtility({name, unit, meters}) {
        return _t("%(utility)s in %(unit)s, %(meters)s meters", {
            utility: name,
            unit,
            meters,
        });
    }

    totalOf(utility, column) {
        if (column.name === LABEL) {
            return _t("Total %s", utility.name);
        }
        if (column.name === "uom_name") {
            return utility.unit;
        }
        const value = utility.sums[column.name];
        return typeof value === "number" ? formatFloat(value, {digits: DIGITS}) : "";
    }
}

registry.category("views").add("amr_month_matrix", {
    ...listView,
    Renderer: MonthMatrixRenderer,
});
