import {Component, onWillUnmount} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {useService} from "@web/core/utils/hooks";

/** Progress bar of a read task that follows the task live over the bus. */
export class TaskProgress extends Component {
    static template = "amr_metering.TaskProgress";
    static props = {...standardFieldProps};

    setup() {
        this.bus = useService("bus_service");
        const onProgress = ({task_id}) => {
            const record = this.props.record;
            if (task_id === record.resId && !record.dirty) {
                record.load();
            }
        };
        this.bus.subscribe("amr_read_task_progress", onProgress);
        this.bus.start();
        onWillUnmount(() => this.bus.unsubscribe("amr_read_task_progress", onProgress));
    }

    share(name) {
        const {data} = this.props.record;
        return data.total_count ? (100 * data[name]) / data.total_count : 0;
    }
}

export const taskProgress = {
    component: TaskProgress,
    supportedTypes: ["float"],
    fieldDependencies: [
        {name: "total_count", type: "integer"},
        {name: "done_count", type: "integer"},
        {name: "missing_count", type: "integer"},
        {name: "manual_count", type: "integer"},
    ],
};

registry.category("fields").add("amr_task_progress", taskProgress);
