/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.rollback, as the document has it. */
#include "config/scalar.h"
#include "config/type.h"
#include "net/probe.h"

static const char *const words[] = { [PROBE_GATEWAY] = "gateway", [PROBE_NONE] = "none" };

/* A word is an address of no family, with its number in the first byte. */
static bool probe_parse(const struct field *f, struct scalar *s, void *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(s->text, words[i])) {
			*(struct ip *)value = (struct ip){ .b = { (uint8_t)i } };
			return true;
		}
	scalar_cure_word(s, words, ARRAY_SIZE(words));
	return type_ip.parse(f, s, value);
}

static void probe_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	const struct ip *ip = value;

	if (ip->family)
		ip_format(ip, out);
	else
		sb_add(out, words[ip->b[0]]);
}

static void probe_schema(const struct field *f, struct strbuf *out)
{
	sb_add(out, "\"anyOf\":[{\"enum\":[\"gateway\",\"none\"]},{");
	type_ip.schema(f, out);
	sb_add(out, "}]");
}

static const struct type type_probe = {
	.name = "gateway, none, or an IP address",
	.size = sizeof(struct ip),
	.parse = probe_parse,
	.format = probe_format,
	.schema = probe_schema,
};

static void check_values(const void *obj, struct diags *d)
{
	const struct rollback *r = obj;

	for (size_t i = 0; i < r->probe.n && r->probe.n > 1; i++)
		if (!LIST_AT(&r->probe, struct ip, i).family) {
			diag_error(d, obj_mark_item(r, "probe", i),
				"name addresses alone, or write "
				"the word alone",
				"host.rollback.probe: `%s` stands for itself, not beside other "
				"items",
				words[LIST_AT(&r->probe, struct ip, i).b[0]]);
			return;
		}
}

static const struct field rollback_rows[] = {
	FIELD_LIST(struct rollback, probe, type_probe, .def = "gateway", .alone = true,
		.example = "gateway",
		.doc = "Who must still answer after a change of the network, by ping or, where it "
		       "is a "
		       "neighbour, by ARP or neighbour discovery. `gateway`: the host's default "
		       "gateways, of each IP version one. Addresses: each of them. Asked is who "
		       "answered before the change. When one is lost, the network is put back, and "
		       "the document held until it changes. `none`: nobody is asked."),
	FIELD_DURATION(struct rollback, timeout, USEC_PER_SEC, 600 * USEC_PER_SEC, .def = "30s",
		.doc = "How long an answer may take after a change: a bridge with STP, or a lease, "
		       "needs its time."),
};
const struct table rollback_table = TABLE(struct rollback, rollback_rows, .check = check_values,
	.doc = "How the network is probed after a change.");
