/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule's text back to the rule, for records and undo logs: only what fw_rule_format() writes. */
#include "net/firewall.h"

struct words {
	char *next;
	struct arena *arena;
	bool not ; /* a "!" came */
};

/* The next word, or "". */
static char *word(struct words *w)
{
	char *at = w->next + strspn(w->next, " ");
	size_t len = strcspn(at, " ");

	w->next = at + len;
	if (*w->next)
		*w->next++ = '\0';
	return at;
}

static bool parse_chain(const char *text, enum fw_chain *out)
{
	for (int i = 0; i < FW_STRAY; i++)
		if (streq(text, fw_chain_names[i])) {
			*out = i;
			return true;
		}
	return false;
}

static bool parse_network(struct words *w, struct cidr *c, bool * not )
{
	*not = w->not ;
	w->not = false;
	return cidr_parse(word(w), c);
}

static bool parse_ports(struct words *w, struct fw_ports *p)
{
	char *text = word(w), *end;
	unsigned long min = strtoul(text, &end, 10), max = min;

	if (end == text || min > UINT16_MAX)
		return false;
	if (*end == ':' || *end == '-')
		max = strtoul(end + 1, &end, 10);
	if (*end || max < min || max > UINT16_MAX)
		return false;
	*p = (struct fw_ports){ (uint16_t)min, (uint16_t)max };
	return true;
}

static bool parse_protocol(struct words *w, struct fw_rule *r)
{
	const char *p = word(w);

	r->protocol = streq(p, "tcp") ? IPPROTO_TCP : streq(p, "udp") ? IPPROTO_UDP : 0;
	return r->protocol != 0;
}

static bool parse_match(struct words *w)
{
	static const char *const known[] = { "tcp", "udp", "addrtype", "conntrack", "comment" };
	const char *name = word(w);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(name, known[i]))
			return true;
	return false;
}

static bool parse_owner(struct words *w, struct fw_rule *r)
{
	const char *owner = startswith(word(w), "kvmhost:");

	r->owner = owner ? arena_strdup(w->arena, owner) : NULL;
	return owner != NULL;
}

static bool parse_state(struct words *w, struct fw_rule *r)
{
	const char *state = word(w);

	r->state = streq(state, "DNAT")                  ? FW_FORWARDED
		   : streq(state, "RELATED,ESTABLISHED") ? FW_ESTABLISHED
							 : FW_ANY_STATE;
	return r->state != FW_ANY_STATE;
}

/* "10.0.0.2:80" or "[fd00::2]:80" */
static bool parse_destination(struct words *w, struct fw_rule *r)
{
	char *to = word(w), *colon = strrchr(to, ':'), *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || *end || end == colon + 1 || !port || port > UINT16_MAX)
		return false;
	*colon = '\0';
	if (*to == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		to++;
	}
	r->target = FW_DNAT;
	r->to_ports = (struct fw_ports){ (uint16_t)port, (uint16_t)port };
	return ip_parse(to, &r->to);
}

static bool parse_target(struct words *w, struct fw_rule *r)
{
	static const struct {
		const char *name, *option, *value;
		enum fw_target target;
	} known[] = {
		{ "ACCEPT", NULL, NULL, FW_ACCEPT },
		{ "DROP", NULL, NULL, FW_DROP },
		{ "RETURN", NULL, NULL, FW_RETURN },
		{ "MASQUERADE", NULL, NULL, FW_MASQUERADE },
		{ "REJECT", "--reject-with", "icmp-port-unreachable", FW_REJECT },
		{ "CHECKSUM", "--checksum-fill", NULL, FW_CHECKSUM_FILL },
	};
	const char *name = word(w);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!streq(name, known[i].name))
			continue;
		r->target = known[i].target;
		return (!known[i].option || streq(word(w), known[i].option)) &&
		       (!known[i].value || streq(word(w), known[i].value));
	}
	if (streq(name, "DNAT"))
		return streq(word(w), "--to-destination") && parse_destination(w, r);
	r->target = FW_JUMP;
	return parse_chain(name, &r->jump);
}

static bool parse_option(struct words *w, const char *option, struct fw_rule *r)
{
	if (streq(option, "-s"))
		return parse_network(w, &r->src, &r->not_src);
	if (streq(option, "-d"))
		return parse_network(w, &r->dst, &r->not_dst);
	if (streq(option, "-i"))
		return *(r->in = arena_strdup(w->arena, word(w)));
	if (streq(option, "-o"))
		return *(r->out = arena_strdup(w->arena, word(w)));
	if (streq(option, "-p"))
		return parse_protocol(w, r);
	if (streq(option, "-m"))
		return parse_match(w);
	if (streq(option, "--sport"))
		return parse_ports(w, &r->sport);
	if (streq(option, "--dport"))
		return parse_ports(w, &r->dport);
	if (streq(option, "--ctstate"))
		return parse_state(w, r);
	if (streq(option, "--dst-type"))
		return r->dst_local = streq(word(w), "LOCAL");
	if (streq(option, "--comment"))
		return parse_owner(w, r);
	if (streq(option, "-j"))
		return parse_target(w, r);
	if (streq(option, "--to-ports"))
		return parse_ports(w, &r->to_ports);
	return false;
}

bool fw_rule_parse(const char *text, struct fw_rule *r, struct arena *a)
{
	struct words w = { .next = arena_strdup(a, text), .arena = a };
	const char *chain = word(&w), *option;

	*r = (struct fw_rule){ 0 };
	if (!parse_chain(chain, &r->chain)) {
		if (!startswith(chain, FW_CHAIN_PREFIX))
			return false;
		r->chain = FW_STRAY;
		r->stray = chain;
	}
	while (*(option = word(&w))) {
		if (streq(option, "?"))
			return true;
		if (streq(option, "!"))
			w.not = true;
		else if (!parse_option(&w, option, r))
			return false;
	}
	return !w.not &&r->target != FW_UNKNOWN;
}

static bool parse_value(const struct field *f _unused_, struct scalar *s, void *value)
{
	return fw_rule_parse(s->text, value, s->arena);
}

static void format_value(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	fw_rule_format(value, false, out);
}

static bool equal_value(const void *a, const void *b)
{
	return fw_rule_equal(a, b);
}

static void schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\"");
}

const struct type type_fw_rule = {
	.name = "a firewall rule",
	.size = sizeof(struct fw_rule),
	.parse = parse_value,
	.format = format_value,
	.equal = equal_value,
	.schema = schema,
};
