import {useBus, useService} from "@web/core/utils/hooks";
import {FormController} from "@web/views/form/form_controller";
import {ListController} from "@web/views/list/list_controller";
import {formView} from "@web/views/form/form_view";
import {listView} from "@web/views/list/list_view";
import {onWillUnmount} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {useDebounced} from "@web/core/utils/timing";

const EVENT = "amr_live";
const DELAY = 300;

/**
 * Read the records on the screen again when the server says that some changed.
 *
 * @param {String} resModel
 * @param {Function} reload called at most every few hundred milliseconds
 */
function useLiveReload(resModel, reload) {
    const bus = useService("bus_service");
    const reloadSoon = useDebounced(reload, DELAY);
    const onChange = ({model}) => {
        if (model === resModel) {
            reloadSoon();
        }
    };
    bus.subscribe(EVENT, onChange);
    bus.start();
    onWillUnmount(() => bus.unsubscribe(EVENT, onChange));
    // What happened while the connection was away was not told.
    useBus(bus, "BUS:RECONNECT", reloadSoon);
}

export class LiveListController extends ListController {
    setup() {
        super.setup();
        useLiveReload(this.props.resModel, () => {
            if (!this.model.root.editedRecord) {
                this.model.root.load();
            }
        });
    }
}

export class LiveFormController extends FormController {
    setup() {
        super.setup();
        useLiveReload(this.props.resModel, async () => {
            const record = this.model.root;
            if (!record.isNew && !(await record.isDirty())) {
                await record.load();
            }
        });
    }
}

registry.category("views").add("amr_live_list", {
    ...listView,
    Controller: LiveListController,
});
registry.category("views").add("amr_live_form", {
    ...formView,
    Controller: LiveFormController,
});
