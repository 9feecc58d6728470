import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("amr_portal_recharge", {
    steps: () => [
        {
            content: "Open the energy card",
            trigger: ".o_portal_index_card:not(.d-none) a[href='/my/energy']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Recharge the prepaid meter",
            trigger: ".o_amr_account a[href^='/my/energy/recharge/']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Type something that is not an amount",
            trigger: "input[name='amount']",
            run: "edit abc",
        },
        {
            content: "It is said so, and there is no way on",
            trigger:
                ".o_amr_recharge:has(.alert-danger):has(button[type='submit']:disabled)",
        },
        {
            content: "Choose 100",
            trigger: "label[for='amr_preset_100']",
            run: "click",
        },
        {
            content: "178 kWh and a remainder are offered",
            trigger: ".o_amr_quote:has(.o_amr_remainder:contains(0.32))",
        },
        {
            content: "Go to the payment",
            trigger: ".o_amr_recharge button[type='submit']:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Fill in the payment details",
            trigger: "#customer_input",
            run: "edit 4242 4242 4242 4242",
        },
        {
            content: "Pay",
            trigger: "button[name='o_payment_submit_button']:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The payment is being confirmed",
            trigger: "[name='o_payment_status']",
            expectUnloadPage: true,
        },
        {
            content: "The meter is being credited",
            trigger: ".o_amr_vend .o_amr_current",
            expectUnloadPage: true,
        },
        {
            content: "All three steps are done, and the bill is there",
            trigger: ".o_amr_vend[data-state='credited']:has(a[href^='/my/invoices/'])",
        },
    ],
});
