import {ConnectionLostError, rpc} from "@web/core/network/rpc";
import {Interaction} from "@web/public/interaction";
import {markup} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {setElementContent} from "@web/core/utils/html";

const FAST = 1500;
const SLOW = 10000;
const PATIENCE = 40;

/** Follows a recharge from paid to credited, and shows the receipt when it is done. */
export class VendProgress extends Interaction {
    static selector = ".o_amr_vend[data-waiting]";

    setup() {
        this.polls = 0;
        this.state = this.el.dataset.state;
        this.progressEl = this.el.querySelector(".o_amr_progress");
    }

    start() {
        this.pollLater();
    }

    pollLater() {
        const delay = this.polls++ < PATIENCE ? FAST : SLOW;
        this.waitForTimeout(() => this.poll(), delay);
    }

    async poll() {
        let status = null;
        try {
            status = await this.waitFor(
                rpc(this.el.dataset.statusRoute, {}, {silent: true})
            );
        } catch (error) {
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
        }
        if (status && !status.waiting) {
            window.location.reload();
            return;
        }
        if (status && status.state !== this.state) {
            this.state = status.state;
            setElementContent(this.progressEl, markup(status.html));
        }
        this.pollLater();
    }
}

registry.category("public.interactions").add("amr_portal.vend_progress", VendProgress);
