/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that a bridge or bond has of the document, or of a DHCP client, in the record. */
#include "net/port.h"
#include "base/strbuf.h"
#include "reconcile/record.h"

bool given_any(struct host *h, const char *id)
{
	return json_array_size(json_object_get(record_kept_any(h, id), "given")) > 0;
}

bool given_has(struct host *h, const char *id, const struct cidr *c)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(record_kept_any(h, id), "given"), i, item) {
		struct cidr x;

		if (json_is_string(item) && cidr_parse(json_string_value(item), &x) &&
			address_equal(&x, c))
			return true;
	}
	return false;
}

void given_write(struct host *h, const char *id, const struct list *cidrs, bool keep)
{
	json_t *had = json_object_get(record_kept_any(h, id), "given"), *now;

	if (!had && !cidrs->n)
		return;
	now = keep && had ? json_copy(had) : json_array();
	for (size_t i = 0; i < cidrs->n; i++) {
		const struct cidr *c = &LIST_AT(cidrs, struct cidr, i);
		_cleanup_strbuf_ struct strbuf text = { 0 };

		cidr_format(c, &text);
		if (!keep || !given_has(h, id, c))
			json_array_append_new(now, json_string(sb_str(&text)));
	}
	if (json_equal(had, now)) {
		json_decref(now);
		return;
	}
	if (json_array_size(now)) {
		json_object_set_new(record_kept(h, id), "given", now);
	} else {
		json_object_del(record_kept_any(h, id), "given");
		json_decref(now);
	}
	record_touch(h);
}

/* ---- leased ---- */

bool leased(struct host *h, const char *id)
{
	return json_is_true(json_object_get(record_kept_any(h, id), "leased"));
}

void leased_write(struct host *h, const char *id, bool yes)
{
	if (leased(h, id) == yes)
		return;
	if (yes)
		json_object_set_new(record_kept(h, id), "leased", json_true());
	else
		json_object_del(record_kept_any(h, id), "leased");
	record_touch(h);
}
