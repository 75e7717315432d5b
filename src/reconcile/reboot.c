/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/reboot.h"
#include "base/strbuf.h"
#include "reconcile/record.h"
#include "reconcile/units.h"

#define REQUIRED "/run/reboot-required"
#define PACKAGES REQUIRED ".pkgs"
#define OURS "kvmhost"
#define MOTD "/run/motd.d/kvmhost"
#define NOTE RUN_DIR "/" REBOOT_FILE
#define TEXT "*** System restart required by kvmhost ***\n"

enum { PACKAGES_MAX = 1 << 20 };

/* The lines but ours; whether ours was among them. */
static bool others(const char *text, struct strbuf *out)
{
	bool found = false;
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n == strlen(OURS) && strncmp(text, OURS, n) == 0)
			found = true;
		else if (n)
			sb_addf(out, "%.*s\n", (int)n, text);
	}
	return found;
}

static int replace(struct host *h, const char *path, const char *text, struct error *e)
{
	int r = *text ? file_write_atomic(h->root, path, text, strlen(text), 0644)
		      : file_remove(h->root, path);

	return r < 0 ? error_set(e, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static bool is_ours(struct host *h)
{
	_cleanup_free_ char *text = NULL;

	return file_read(h->root, REQUIRED, PACKAGES_MAX, &text, NULL) == 0 && streq(text, TEXT);
}

/* As Debian and Ubuntu have it, for needrestart, unattended-upgrades and update-motd. */
static int tell_debian(struct host *h, bool pending, struct error *e)
{
	_cleanup_strbuf_ struct strbuf rest = { 0 };
	_cleanup_free_ char *text = NULL;
	bool told;
	int r;

	if (!file_exists(h->root, "/etc/debian_version"))
		return 0;
	if (file_read(h->root, PACKAGES, PACKAGES_MAX, &text, NULL) < 0)
		text = xstrdup("");
	told = others(text, &rest);
	if (pending && !file_exists(h->root, REQUIRED) && (r = replace(h, REQUIRED, TEXT, e)) < 0)
		return r;
	if (told == pending)
		return 0;
	if (pending)
		sb_add(&rest, OURS "\n");
	r = replace(h, PACKAGES, sb_str(&rest), e);
	if (r < 0 || rest.len || !is_ours(h))
		return r;
	return replace(h, REQUIRED, "", e);
}

/* pam_motd(8) shows what lies in this directory. */
static int tell_motd(struct host *h, bool pending, struct error *e)
{
	return replace(h, MOTD,
		pending ? "kvmhost waits for a reboot of this machine: kvmhostctl status says "
			  "why.\n"
			: "",
		e);
}

static int tell_daemon(
	struct host *h, bool pending, const char *document, const struct wants *w, struct error *e)
{
	const char *window = obj_text(w->document, "host.reboot.window", w->arena);
	_cleanup_free_ char *text = NULL;
	json_t *o;

	if (!pending)
		return replace(h, NOTE, "", e);
	o = json_pack("{s:i, s:s, s:s}", "format", 1, "document", document, "window",
		window ? window : "");
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return replace(h, NOTE, text, e);
}

int reboot_tell(
	struct host *h, bool pending, const char *document, const struct wants *w, struct error *e)
{
	int r;

	if (!h->live)
		return 0;
	r = tell_debian(h, pending, e);
	if (r == 0)
		r = tell_motd(h, pending, e);
	return r < 0 ? r : tell_daemon(h, pending, document, w, e);
}

static void copy(const json_t *o, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));

	snprintf(out, size, "%s", text ? text : "");
}

void reboot_told(struct host *h, struct reboot *out)
{
	_cleanup_free_ char *text = NULL;
	json_t *o;

	*out = (struct reboot){ 0 };
	if (file_read(h->root, NOTE, PACKAGES_MAX, &text, NULL) < 0)
		return;
	o = json_loads(text, 0, NULL);
	out->pending = o != NULL;
	copy(o, "document", out->document, sizeof(out->document));
	copy(o, "window", out->window, sizeof(out->window));
	json_decref(o);
}

/* {"document": HASH, "time": ...} of the last one. */
#define MADE "rebooted"

uint64_t reboot_made(const struct host *h, const char *document)
{
	const json_t *made = json_object_get(h->record->root, MADE);
	const char *hash = json_string_value(json_object_get(made, "document"));

	if (!hash || !streq(hash, document))
		return 0;
	return (uint64_t)json_integer_value(json_object_get(made, "time"));
}

int reboot_begin(struct host *h, const char *document, struct error *e)
{
	struct unit_job job = { .unit = "reboot.target", .verb = UNIT_START, .for_good = true };
	int r;

	json_object_set_new(h->record->root, MADE,
		json_pack("{s:s, s:I}", "document", document, "time", (json_int_t)h->now()));
	record_touch(h);
	r = record_save(h, e);
	if (r < 0)
		return r;
	/* It will not be done while we are there. */
	r = units_send(h, &job, e);
	return r;
}
