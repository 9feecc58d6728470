import {Component, onWillStart, useState} from "@odoo/owl";
import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {Dialog} from "@web/core/dialog/dialog";
import {_t} from "@web/core/l10n/translation";
import {formatFloat} from "@web/core/utils/numbers";
import {useService} from "@web/core/utils/hooks";

/** What happened to one meter: its alarms, exceptions and last readings. */
export class MeterEvents extends Component {
    static template = "amr_metering.MeterEvents";
    static components = {Dialog};
    static props = {meterId: Number, close: Function};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({events: null});
        onWillStart(() => this.load());
    }

    async load() {
        this.state.events = await this.orm.call("amr.status.board", "get_events", [
            this.props.meterId,
        ]);
    }

    get title() {
        const {place, number} = this.state.events.meter;
        return _t("%(place)s · meter %(number)s", {place, number});
    }

    time(value) {
        return value ? formatDateTime(deserializeDateTime(value)) : "";
    }

    number(value) {
        return formatFloat(value, {digits: [16, 3], trailingZeros: false});
    }

    get lastRead() {
        const {latest_at, latest_index, unit} = this.state.events.meter;
        if (!latest_at) {
            return _t("Not read yet");
        }
        return _t("Last read %(time)s: %(index)s %(unit)s", {
            time: this.time(latest_at),
            index: this.number(latest_index),
            unit,
        });
    }

    get silentSince() {
        return _t(
            "Not answering since %s",
            this.time(this.state.events.meter.silent_since)
        );
    }

    get canAcknowledge() {
        const {meter, alarms} = this.state.events;
        return meter.can_acknowledge && alarms.some(({status}) => status === "open");
    }

    /* As a button of a form does: the server's action is completed on the way. */
    press(resModel, resIds, name, onClose) {
        return this.action.doActionButton({
            type: "object",
            resModel,
            resIds,
            name,
            onClose,
        });
    }

    acknowledge() {
        const open = this.state.events.alarms.filter(({status}) => status === "open");
        const ids = open.map(({id}) => id);
        return this.press("amr.alarm", ids, "action_acknowledge", () => this.load());
    }

    readNow() {
        this.props.close();
        return this.press("amr.meter", [this.props.meterId], "action_read_now");
    }

    openMeter() {
        this.props.close();
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "amr.meter",
            res_id: this.props.meterId,
            views: [[false, "form"]],
        });
    }
}
