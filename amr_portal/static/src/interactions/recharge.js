import {Interaction} from "@web/public/interaction";
import {registry} from "@web/core/registry";
import {rpc} from "@web/core/network/rpc";
import {setElementContent} from "@web/core/utils/html";
import {markup} from "@odoo/owl";

/** Tells what an amount buys while the resident is still choosing it. */
export class EnergyRecharge extends Interaction {
    static selector = ".o_amr_recharge";
    dynamicContent = {
        "input[name='preset']": {"t-on-change": this.choosePreset},
        "input[name='amount']": {"t-on-input": this.debounced(this.typeAmount, 300)},
        "button[type='submit']": {"t-att-disabled": () => !this.payable},
    };

    setup() {
        this.payable = true;
        this.asked = 0;
        this.quoteEl = this.el.querySelector(".o_amr_quote");
        this.amountEl = this.el.querySelector("input[name='amount']");
    }

    start() {
        const preset = this.el.querySelector("input[name='preset']:checked");
        const amount = this.amountEl.value || preset?.value;
        if (amount && !this.quoteEl.textContent.trim()) {
            this.showQuote(amount);
        }
    }

    choosePreset(ev) {
        this.amountEl.value = "";
        return this.showQuote(ev.target.value);
    }

    typeAmount() {
        const amount = this.amountEl.value;
        if (amount.trim()) {
            for (const preset of this.el.querySelectorAll("input[name='preset']")) {
                preset.checked = false;
            }
        }
        return this.showQuote(amount);
    }

    /** Show the answer to the last question only: answers may overtake each other. */
    async showQuote(amount) {
        const asked = ++this.asked;
        const quote = await this.waitFor(rpc(this.el.dataset.quoteRoute, {amount}));
        if (asked === this.asked) {
            setElementContent(this.quoteEl, markup(quote.html));
            this.payable = quote.ok;
        }
    }
}

registry.category("public.interactions").add("amr_portal.recharge", EnergyRecharge);
