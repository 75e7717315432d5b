/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests as a table, for people. */
#include "runner/guestctl_names.h"

static void add_age(struct strbuf *b, int64_t seconds)
{
	if (seconds < 120)
		sb_addf(b, "%lld s", (long long)seconds);
	else if (seconds < 7200)
		sb_addf(b, "%lld min", (long long)seconds / 60);
	else if (seconds < 48 * 3600)
		sb_addf(b, "%lld h", (long long)seconds / 3600);
	else
		sb_addf(b, "%lld d", (long long)seconds / 86400);
}

static void column(struct strbuf *b, const char *text, size_t width)
{
	size_t n = strlen(text);

	sb_add(b, text);
	sb_pad(b, ' ', n < width ? width - n + 2 : 2);
}

static const char *text_member(json_t *guest, const char *key)
{
	const char *s = json_string_value(json_object_get(guest, key));

	return s ? s : "-";
}

static void add_note(struct strbuf *b, size_t *n, const char *before, const char *note)
{
	sb_addf(b, "%s%s%s", (*n)++ ? "; " : "", before, note);
}

/* What went wrong first: what waits must not hide it. */
static void add_notes(struct strbuf *b, json_t *guest)
{
	bool held = json_is_true(json_object_get(guest, "held"));
	const char *wrong = json_object_get(guest, "error") ? "error" : "event";
	size_t n = 0;

	if (held)
		add_note(b, &n, "", "stopped by hand");
	if (json_object_get(guest, "lost"))
		add_note(b, &n, "runs without ", text_member(guest, "lost"));
	if (!held && json_object_get(guest, wrong))
		add_note(b, &n, "", text_member(guest, wrong));
	if (json_array_size(json_object_get(guest, "pending")))
		add_note(b, &n, "", "changes wait for a restart");
	if (json_object_get(guest, "install"))
		add_note(b, &n, "", "is being installed");
	if (!n && streq(text_member(guest, "end"), "guest"))
		add_note(b, &n, "", "powered off from inside");
	if (json_object_get(guest, "pid") && json_object_get(guest, "display"))
		add_note(b, &n, "", text_member(guest, "display"));
}

static void add_row(struct host *h, struct strbuf *b, json_t *guest, size_t width)
{
	_cleanup_strbuf_ struct strbuf age = { 0 };
	int64_t since = json_integer_value(json_object_get(guest, "since"));
	size_t start = b->len;

	if (since)
		add_age(&age, MAX_OF((int64_t)h->now() - since, (int64_t)0));
	column(b, text_member(guest, "name"), width);
	column(b, text_member(guest, "state"), 8);
	column(b, since ? sb_str(&age) : "-", 8);
	column(b, text_member(guest, "accel"), 5);
	add_notes(b, guest);
	while (b->len > start && b->s[b->len - 1] == ' ')
		b->s[--b->len] = '\0';
	sb_addc(b, '\n');
}

void guestctl_table(struct host *h, struct strbuf *b, json_t *guests)
{
	size_t width = 4, i;
	json_t *g;

	json_array_foreach (guests, i, g)
		width = MAX_OF(width, strlen(text_member(g, "name")));
	if (!json_array_size(guests)) {
		sb_add(b, "no guests\n");
		return;
	}
	column(b, "NAME", width);
	sb_add(b, "STATE     SINCE     ACCEL  NOTE\n");
	json_array_foreach (guests, i, g)
		add_row(h, b, g, width);
}
