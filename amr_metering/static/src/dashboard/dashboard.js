import {Component, markRaw, onWillStart, onWillUnmount, useState} from "@odoo/owl";
import {deserializeDate, formatDate} from "@web/core/l10n/dates";
import {useBus, useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {_t} from "@web/core/l10n/translation";
import {browser} from "@web/core/browser/browser";
import {formatFloat} from "@web/core/utils/numbers";
import {registry} from "@web/core/registry";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {useDebounced} from "@web/core/utils/timing";

const REMEMBERED = "amr_dashboard.community";
const REFRESH_DELAY = 3000;

/** The landing page: states, reads, exceptions, alarms, use, and what to do next. */
export class Dashboard extends Component {
    static template = "amr_metering.Dashboard";
    static components = {Layout};
    static props = {...standardActionServiceProps};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.display = {controlPanel: {}};
        this.state = useState({data: null});
        const bus = useService("bus_service");
        const refreshSoon = useDebounced(() => this.load(), REFRESH_DELAY);
        bus.subscribe("amr_status", refreshSoon);
        bus.start();
        onWillUnmount(() => bus.unsubscribe("amr_status", refreshSoon));
        useBus(bus, "BUS:RECONNECT", refreshSoon);
        onWillStart(() =>
            this.load(Number(browser.localStorage.getItem(REMEMBERED)) || false)
        );
    }

    async load(community = this.state.data.community_id) {
        const data = await this.orm.silent.call("amr.dashboard", "get_data", [
            community,
        ]);
        this.state.data = markRaw(data);
    }

    async chooseCommunity(ev) {
        const community = Number(ev.target.value) || false;
        browser.localStorage.setItem(REMEMBERED, community || "");
        await this.load(community);
    }

    open(action) {
        return this.action.doAction(action);
    }

    openBoard(level) {
        const {community_id} = this.state.data;
        return this.action.doAction("amr_metering.amr_status_board_action", {
            additionalContext: {status: level, community_id},
        });
    }

    get goingLive() {
        const left = this.state.data.guide.filter(({done}) => !done).length;
        return _t("Going live: %s steps to go", left);
    }

    measured({measured, total}) {
        return _t("From %(measured)s of %(total)s meters", {measured, total});
    }

    day(value) {
        return formatDate(deserializeDate(value)).slice(5);
    }

    amount(value, {unit}) {
        return `${formatFloat(value, {digits: [16, 1]})} ${unit}`;
    }

    change(value) {
        return `${value > 0 ? "+" : ""}${value} %`;
    }

    share(value, utility) {
        const most = Math.max(utility.month, utility.same, utility.last);
        return most ? (100 * value) / most : 0;
    }
}

registry.category("actions").add("amr_dashboard", Dashboard);
