/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/state.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "runner/guest_files.h"
#include <time.h>

const char *const run_phase_names[] = { "starting", "running", "paused", "stopping", "ended",
	NULL };
const char *const run_end_names[] = { "none", "guest", "stopped", "forced", "failed", NULL };

void plain_text(char *out, size_t room, const char *s, size_t len)
{
	size_t n, o = 0;
	uint32_t c;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &c);
		if (n && o + n >= room)
			break;
		if (!n || utf8_is_control(c)) {
			n = n ? n : 1;
			if (o + 1 >= room)
				break;
			out[o++] = '?';
			continue;
		}
		memcpy(out + o, s + i, n);
		o += n;
	}
	out[o] = '\0';
}

/* NULL: it is plain as it is. The caller frees. */
static char *made_plain(const char *s)
{
	size_t len = strlen(s), n;
	char *out = NULL;
	uint32_t c;

	for (size_t i = 0; i < len && !out; i += n) {
		n = utf8_decode(s + i, len - i, &c);
		if (n && !utf8_is_control(c))
			continue;
		out = xmalloc(len + 1);
		plain_text(out, len + 1, s, len);
		break;
	}
	return out;
}

static void plain_members(json_t *object)
{
	const char *key;
	json_t *one;
	void *next;

	json_object_foreach_safe(object, next, key, one)
	{
		_cleanup_free_ char *name = made_plain(key);

		one = plain_json(json_incref(one));
		if (name)
			json_object_del(object, key);
		json_object_set_new(object, name ? name : key, one);
	}
}

json_t *plain_json(json_t *value)
{
	_cleanup_free_ char *text =
		json_is_string(value) ? made_plain(json_string_value(value)) : NULL;

	if (text) {
		json_decref(value);
		return json_string(text);
	}
	for (size_t i = 0; i < json_array_size(value); i++)
		json_array_set_new(value, i, plain_json(json_incref(json_array_get(value, i))));
	if (json_is_object(value))
		plain_members(value);
	return value;
}

void tail_add(struct tail *t, const char *line, size_t len)
{
	plain_text(t->lines[t->n++ % TAIL_LINES], TAIL_WIDTH + 1, line, len);
}

const char *tail_line(const struct tail *t, size_t i)
{
	size_t kept = MIN_OF(t->n, (size_t)TAIL_LINES);

	return i < kept ? t->lines[(t->n - kept + i) % TAIL_LINES] : NULL;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

static json_t *state_object(const struct run_state *s)
{
	json_t *o = json_pack("{s:i, s:s, s:I, s:s, s:i}", "format", 1, "state",
		run_phase_names[s->phase], "since", (json_int_t)s->since, "accel",
		s->kvm ? "kvm" : "tcg", "runner", s->runner);

	set_text(o, "accel_reason", s->accel_reason);
	set_text(o, "cpu_model", s->cpu_model);
	if (s->pid)
		json_object_set_new(o, "pid", json_integer(s->pid));
	if (s->end != END_NONE)
		set_text(o, "end", run_end_names[s->end]);
	set_text(o, "error", s->error);
	set_text(o, "event", s->event);
	if (json_array_size(s->lost))
		json_object_set(o, "lost", s->lost);
	set_text(o, "display", s->display);
	set_text(o, "install", s->install);
	return o;
}

/* The record with the last `lines` of stderr; NULL: too long. The caller frees. */
static char *render(const struct run_state *s, const struct tail *t, size_t lines)
{
	json_t *o = state_object(s), *v = json_array();
	char *text;

	for (size_t i = 0; tail_line(t, i); i++)
		if (MIN_OF(t->n, (size_t)TAIL_LINES) - i <= lines)
			json_array_append_new(v, json_string(tail_line(t, i)));
	json_object_set_new(o, "stderr", v);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text && strlen(text) < STATE_RECORD)
		return text;
	free(text);
	return NULL;
}

int state_write(int fd, const struct run_state *s, const struct tail *stderr_tail)
{
	_cleanup_free_ char *text = NULL;
	char record[STATE_RECORD];
	struct run_state bare = *s;
	ssize_t written;
	size_t len;

	for (size_t lines = TAIL_LINES; !(text = render(s, stderr_tail, lines)) && lines; lines--)
		;
	if (!text) {
		bare.error = "the reason is too long to be kept; see the journal";
		text = render(&bare, stderr_tail, 0);
	}
	if (!text)
		return -E2BIG;
	len = strlen(text);
	for (size_t i = 0; i < sizeof(record); i++)
		record[i] = i < len ? text[i] : ' ';
	record[sizeof(record) - 1] = '\n';
	written = pwrite(fd, record, sizeof(record), 0);
	return written < 0 ? -errno : written == (ssize_t)sizeof(record) ? 0 : -EIO;
}

int state_read(int root, const char *name, json_t **out)
{
	static const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	struct guest_path path = guest_path(name, FILE_STATE);

	for (int tries = 0; tries < 20; tries++) {
		_cleanup_free_ char *text = NULL;
		size_t len;
		int r = file_read(root, path.s, STATE_RECORD, &text, &len);

		if (r < 0)
			return r;
		*out = plain_json(json_loadb(text, len, 0, NULL));
		if (json_is_object(*out))
			return 0;
		json_decref(*out);
		nanosleep(&pause, NULL);
	}
	*out = NULL;
	return -EBADMSG;
}

static int word_index(json_t *record, const char *key, const char *const *words)
{
	const char *word = json_string_value(json_object_get(record, key));

	for (int i = 0; word && words[i]; i++)
		if (streq(words[i], word))
			return i;
	return 0;
}

enum run_phase state_phase(json_t *record)
{
	return (enum run_phase)word_index(record, "state", run_phase_names);
}

enum run_end state_end(json_t *record)
{
	return (enum run_end)word_index(record, "end", run_end_names);
}

char *state_lost(json_t *record)
{
	_cleanup_strbuf_ struct strbuf names = { 0 };
	json_t *one;
	size_t i;

	json_array_foreach (json_object_get(record, "lost"), i, one)
		if (!json_is_true(json_object_get(one, "asked")))
			sb_addf(&names, "%s%s", names.len ? ", " : "",
				json_string_value(json_object_get(one, "name")));
	return names.len ? xstrdup(sb_str(&names)) : NULL;
}

char *state_why(json_t *record)
{
	const char *error = json_string_value(json_object_get(record, "error"));
	json_t *lines = json_object_get(record, "stderr");
	size_t n = json_array_size(lines);
	const char *last = n ? json_string_value(json_array_get(lines, n - 1)) : NULL;

	return error || last ? xstrdup(error ? error : last) : NULL;
}
