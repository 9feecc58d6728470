import {registry} from "@web/core/registry";
import {stepUtils} from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("amr_metering_overview", {
    url: "/odoo",
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            content: "the app lands on the dashboard",
            trigger: ".o_app[data-menu-xmlid='amr_base.menu_root']",
            run: "click",
        },
        {
            content: "states of the meters, with numbers",
            trigger:
                ".o_amr_dashboard [data-card='meters'] li:has(.o_amr_ok) b:contains('1')",
        },
        {
            content: "what waits for somebody opens as a list",
            trigger: ".o_amr_todo button:has(.fa-bell)",
            run: "click",
        },
        {trigger: ".o_list_view .o_data_row:contains('990000000001')"},
        {
            trigger: ".breadcrumb-item a, .o_back_button",
            run: "click",
        },
        {
            content: "on to the status board",
            trigger: ".o_amr_dashboard_bar button",
            run: "click",
        },
        {
            content: "an alarm is yellow, and says so",
            trigger:
                ".o_amr_tile.o_amr_alarm:contains('0101') .o_amr_status:has(.fa-bell)",
        },
        {
            content: "markup in a name stays text",
            trigger: ".o_amr_tile:contains('<img src=x onerror=alert(1)>')",
        },
        {
            content: "counters filter",
            trigger: ".o_amr_counter[data-status='new']:contains('1')",
            run: "click",
        },
        {trigger: ".o_amr_tiles:not(:has(.o_amr_alarm)) .o_amr_new"},
        {
            trigger: ".o_amr_counter[data-status='new']",
            run: "click",
        },
        {
            content: "search by room",
            trigger: ".o_amr_search",
            run: "edit 0102",
        },
        {trigger: ".o_amr_tiles:not(:has(.o_amr_alarm)) .o_amr_tile:contains('0102')"},
        {
            trigger: ".o_amr_search",
            run: "edit 010",
        },
        {
            content: "one stop for the tab key; arrows go on",
            trigger: ".o_amr_tile.o_amr_alarm",
            run({anchor}) {
                anchor.focus();
                const options = {key: "ArrowRight", bubbles: true};
                anchor.dispatchEvent(new KeyboardEvent("keydown", options));
                if (document.activeElement === anchor || anchor.tabIndex !== -1) {
                    throw new Error("the arrow key did not move the focus");
                }
            },
        },
        {
            content: "a click opens the events",
            trigger: ".o_amr_tile.o_amr_alarm",
            run: "click",
        },
        {trigger: ".o_amr_events:contains('251'):contains('250')"},
        {
            trigger: ".o_amr_events footer .btn-primary",
            run: "click",
        },
        {
            trigger: ".modal [name='note'] textarea",
            run: "edit asked the tenant",
        },
        {
            trigger: ".modal button[name='action_confirm']",
            run: "click",
        },
        {trigger: ".o_amr_events footer:not(:has(.btn-primary)) .o_amr_close"},
        {
            trigger: ".o_amr_close",
            run: "click",
        },
        {trigger: "body:not(:has(.modal)) .o_amr_tile.o_amr_alarm"},
    ],
});
