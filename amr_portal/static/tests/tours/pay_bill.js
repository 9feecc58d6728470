import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("amr_portal_pay_bill", {
    steps: () => [
        {
            content: "Open the energy card",
            trigger: ".o_portal_index_card:not(.d-none) a[href='/my/energy']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Look at usage and bills",
            trigger: ".o_amr_account a.btn-light[href^='/my/energy/account/']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Pay what is due",
            trigger: ".o_amr a.btn-primary[href^='/my/invoices/']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Fill in the payment details",
            trigger: "#pay_with.show #customer_input",
            run: "edit 4242 4242 4242 4242",
        },
        {
            content: "Pay",
            trigger: "#pay_with.show button[name='o_payment_submit_button']:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The payment is being confirmed",
            trigger: "[name='o_payment_status']",
            expectUnloadPage: true,
        },
        {
            content: "The bill is paid",
            trigger: "[name='invoice_paid_badge']",
        },
    ],
});
