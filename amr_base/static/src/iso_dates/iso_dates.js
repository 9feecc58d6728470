import {
    dateField,
    dateRangeField,
    dateTimeField,
} from "@web/views/fields/datetime/datetime_field";
import {formatDate, formatDateTime} from "@web/views/fields/formatters";
import {patch} from "@web/core/utils/patch";

// Dates are shown in the language's own numeric format, which for Chinese is ISO
// (2015-11-24, manual S2 section 1), instead of "11月24日" without a year.
const withNumeric = (info) => ({...info, options: {numeric: true, ...info.options}});

for (const field of [dateField, dateTimeField, dateRangeField]) {
    patch(field, {
        extractProps(info, dynamicInfo) {
            return super.extractProps(withNumeric(info), dynamicInfo);
        },
        listViewWidth(info) {
            return super.listViewWidth(withNumeric(info));
        },
    });
}
for (const formatter of [formatDate, formatDateTime]) {
    patch(formatter, {
        extractOptions(info) {
            return super.extractOptions(withNumeric(info));
        },
    });
}
