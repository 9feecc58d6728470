import {Component, onWillUnmount} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {useService} from "@web/core/utils/hooks";

/** Progress bar of a billing run that follows the run live over the bus. */
export class RunProgress extends Component {
    static template = "amr_billing.RunProgress";
    static props = {...standardFieldProps};

    setup() {
        this.bus = useService("bus_service");
        const onProgress = ({run_id}) => {
            const record = this.props.record;
            if (run_id === record.resId && !record.dirty) {
                record.load();
            }
        };
        this.bus.subscribe("amr_billing_run_progress", onProgress);
        this.bus.start();
        onWillUnmount(() =>
            this.bus.unsubscribe("amr_billing_run_progress", onProgress)
        );
    }

    get parts() {
        const {line_count, billed_count, error_count, nothing_count} =
            this.props.record.data;
        const share = (count) => (line_count ? (100 * count) / line_count : 0);
        return [
            {name: "billed", color: "success", count: billed_count},
            {name: "error", color: "danger", count: error_count},
            {name: "nothing", color: "secondary", count: nothing_count},
        ].map((part) => ({...part, share: share(part.count)}));
    }
}

export const runProgress = {
    component: RunProgress,
    supportedTypes: ["float"],
    fieldDependencies: [
        {name: "line_count", type: "integer"},
        {name: "billed_count", type: "integer"},
        {name: "error_count", type: "integer"},
        {name: "nothing_count", type: "integer"},
    ],
};

registry.category("fields").add("amr_run_progress", runProgress);
