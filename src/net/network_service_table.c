/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of what a network serves its guests: DHCP, DNS and TFTP, and what each value may be. */
#include "net/network.h"
#include "config/scalar.h"
#include "net/dnsmasq.h"

/* ---- a lease's time ---- */

static bool lease_parse(const struct field *f, struct scalar *s, void *value)
{
	static const char *const word[] = { "infinite" };

	if (!streq(s->text, word[0])) {
		scalar_cure_word(s, word, 1);
		return type_duration.parse(f, s, value);
	}
	*(uint64_t *)value = LEASE_INFINITE;
	return true;
}

static void lease_format(const struct field *f, const void *value, struct strbuf *out)
{
	if (*(const uint64_t *)value == LEASE_INFINITE)
		sb_add(out, "infinite");
	else
		type_duration.format(f, value, out);
}

static void lease_schema(const struct field *f, struct strbuf *out)
{
	sb_add(out, "\"anyOf\":[{");
	type_duration.schema(f, out);
	sb_add(out, "},{\"const\":\"infinite\"}]");
}

const struct type type_lease_time = {
	.name = "a duration, or infinite, such as 12h",
	.size = sizeof(uint64_t),
	.parse = lease_parse,
	.format = lease_format,
	.schema = lease_schema,
};

/* ---- words that dnsmasq's files can hold: no comma, quote, # or blank ---- */

bool dnsmasq_plain(const char *text, const char *more)
{
	for (; *text; text++)
		if (!(*text >= '0' && *text <= '9') &&
			!((*text | 32) >= 'a' && (*text | 32) <= 'z') && !strchr(more, *text))
			return false;
	return true;
}

/* A host's name in DNS: letters, digits and inner dashes. */
bool dns_label(const char *text, size_t n)
{
	if (!n || n > 63 || text[0] == '-' || text[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(text[i] >= '0' && text[i] <= '9') && text[i] != '-' &&
			!((text[i] | 32) >= 'a' && (text[i] | 32) <= 'z'))
			return false;
	return true;
}

static bool dns_name(const char *text)
{
	size_t n = strcspn(text, ".");

	if (strlen(text) > 253)
		return false;
	for (; dns_label(text, n); text += n + 1, n = strcspn(text, "."))
		if (!text[n])
			return true;
	return false;
}

/* ---- the tables ---- */

static void check_host(const void *obj, struct diags *d)
{
	const struct network_host *h = obj;

	if (!obj_has(h, "address") && !obj_has(h, "address6"))
		diag_error(d, obj_mark(h, "address"), "write {address: 192.168.122.10}",
			"%s: a fixed address is missing", h->obj.name);
}

static const struct field host_rows[] = {
	FIELD_VALUE(struct network_host, address, struct ip, type_ip, .example = "192.168.122.10",
		.doc = "The guest's fixed address of IPv4."),
	FIELD_VALUE(struct network_host, address6, struct ip, type_ip, .example = "fd00:122::10",
		.doc = "Its fixed address of IPv6, which it gets by DHCPv6."),
};
static const struct table host_table = TABLE(struct network_host, host_rows, .key = &type_name,
	.key_word = "GUEST", .check = check_host,
	.doc = "Guests with a fixed address, which follows the MAC address of their first "
	       "interface "
	       "on the network.");

static void check_range(const void *obj, struct diags *d)
{
	const struct network_dhcp *dhcp = obj;

	if (!obj_has(dhcp, "range") && !obj_has(dhcp, "range6"))
		diag_error(d, obj_mark(dhcp, "range"),
			"write its first and its last address: range: [192.168.122.2, "
			"192.168.122.254]",
			"there are no addresses to hand out: a range is missing");
	else if (obj_has(dhcp, "range") && dhcp->range.n != 2)
		diag_error(d, obj_mark(dhcp, "range"),
			"write its first and its last address: [192.168.122.2, 192.168.122.254]",
			"a range is two addresses, not %zu", dhcp->range.n);
	if (obj_has(dhcp, "range6") && dhcp->range6.n != 2)
		diag_error(d, obj_mark(dhcp, "range6"),
			"write its first and its last address: [\"fd00:122::100\", "
			"\"fd00:122::1ff\"]",
			"a range is two addresses, not %zu", dhcp->range6.n);
}

static const struct field dhcp_rows[] = {
	FIELD_LIST(struct network_dhcp, range, type_ip,
		.example = "[192.168.122.2, 192.168.122.254]",
		.doc = "The first and the last IPv4 address that is handed out, both in the "
		       "network."),
	FIELD_LIST(struct network_dhcp, range6, type_ip,
		.example = "[\"fd00:122::100\", \"fd00:122::1ff\"]",
		.doc = "The same of IPv6, by DHCPv6. Without it guests make their own addresses "
		       "(see ra)."),
	FIELD_VALUE(struct network_dhcp, lease_time, uint64_t, type_lease_time, .def = "12h",
		.min = 120 * USEC_PER_SEC, .max = 3650 * INT64_C(86400) * USEC_PER_SEC,
		.doc = "How long a guest may keep its address without asking again, or "
		       "`infinite`."),
	FIELD_MAP(struct network_dhcp, hosts, host_table, .def = "{}",
		.example = "{web1: {address: 192.168.122.10}}",
		.doc = "Fixed addresses, by guest. They may lie in the range or beside it. A "
		       "change takes "
		       "effect when the guest asks again."),
};
const struct table network_dhcp_table = TABLE(struct network_dhcp, dhcp_rows, .check = check_range,
	.doc = "Addresses handed out to guests, with DNS.");

static void check_dns(const void *obj, struct diags *d)
{
	const struct network_dns *dns = obj;

	if (dns->domain && !dns_name(dns->domain))
		diag_error(d, obj_mark(dns, "domain"),
			"write letters, digits and - between dots, such as guests.internal",
			"`%s` is no domain name", text_shown(d->arena, dns->domain));
}

static const struct field dns_rows[] = {
	FIELD_STRING(struct network_dns, domain, type_string, .example = "guests.internal",
		.doc = "The guests' domain: `web1` is then `web1.guests.internal` too, and what is "
		       "not "
		       "known in it is not asked elsewhere. Without it guests have plain names. "
		       "Where systemd-resolved runs, the host itself asks the network for names in "
		       "it, while a guest is up."),
};
const struct table network_dns_table = TABLE(struct network_dns, dns_rows, .check = check_dns,
	.doc = "Names of guests, and through the host's resolvers (/etc/resolv.conf) of the "
	       "outside; "
	       "on an isolated network of guests only. A guest's name is known when it has a fixed "
	       "address or a lease; one with . or _ in it is not.");

static void check_tftp(const void *obj, struct diags *d)
{
	const struct network_tftp *t = obj;

	if (!dnsmasq_plain(t->root, "._/-+@:~"))
		diag_error(d, obj_mark(t, "root"), "use letters, digits and ._/-+@:~",
			"dnsmasq cannot serve the path `%s`", text_shown(d->arena, t->root));
	if (t->boot_file && (!dnsmasq_plain(t->boot_file, "._/-+@~") || *t->boot_file == '/'))
		diag_error(d, obj_mark(t, "boot_file"),
			"write a path below tftp.root, of letters, digits and ._/-+@~",
			"`%s` cannot be a boot file", text_shown(d->arena, t->boot_file));
}

static const struct field tftp_rows[] = {
	FIELD_STRING(struct network_tftp, root, type_path, .required = true,
		.example = "/var/lib/tftp",
		.doc = "The directory whose files are served, read-only. Everyone must be allowed "
		       "to "
		       "read them: they are read by a user of their own."),
	FIELD_STRING(struct network_tftp, boot_file, type_string, .example = "pxelinux.0",
		.doc = "The file below it that guests are told to boot, by DHCP."),
};
const struct table network_tftp_table = TABLE(struct network_tftp, tftp_rows, .check = check_tftp,
	.doc = "Files for guests that boot over the network.");
